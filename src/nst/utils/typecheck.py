"""Check a configuration against the signatures of what it builds, before any picture is touched."""

import importlib
import inspect
import math
import types
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


def check(node: Any, name: str = "") -> None:
    """Refuse a leaf that its constructor can't take: every `_target_` is looked up, its annotations are the schema.

    Args:
        node: A plain nested configuration (dicts, lists, scalars).
        name: Where it stands, dotted.

    Raises:
        ValueError: One line: the option, what was got, what was expected.
    """
    if isinstance(node, Mapping):
        expected = _annotations(node["_target_"], name) if "_target_" in node else {}
        for key, value in node.items():
            option = f"{name}.{key}" if name else str(key)
            if key in expected:
                check_value(option, value, expected[key])
            check(value, option)
    elif isinstance(node, Sequence) and not isinstance(node, str):
        for i, value in enumerate(node):
            check(value, f"{name}[{i}]")


def check_value(option: str, value: Any, kind: Any) -> None:
    """Refuse a value that is not of an annotated kind; what can't be judged passes."""
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{option} is {value}; expected a finite number")
    if (isinstance(value, Mapping) and not _is_plain(kind)) or _takes(value, kind):
        return
    raise ValueError(f"{option} is {value!r}; expected {_describe(kind)}")


def _is_plain(kind: Any) -> bool:
    """Whether a kind holds numbers and texts alone, and nothing that is built."""
    choices = typing.get_args(kind) if typing.get_origin(kind) in (types.UnionType, typing.Union) else (kind,)
    return all(choice in (int, float, str, bool, type(None), Path) for choice in choices)


def _takes(value: Any, kind: Any) -> bool:
    origin = typing.get_origin(kind)
    if kind is Any or kind is inspect.Parameter.empty:
        return True
    if origin in (types.UnionType, typing.Union):
        return any(_takes(value, choice) for choice in typing.get_args(kind))
    if kind is None or kind is type(None):
        return value is None
    if kind is bool:
        return isinstance(value, bool)
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if kind in (str, Path):
        return isinstance(value, str)
    if origin in (Mapping, dict):
        return False  # a mapping was taken before
    if origin in (list, tuple, Sequence):
        inner = [choice for choice in typing.get_args(kind) if choice is not ...]
        sized = origin is tuple and ... not in typing.get_args(kind)
        return (
            isinstance(value, list | tuple)
            and (not sized or len(inner) == len(value))
            and all(any(_takes(item, choice) for choice in inner) for item in value)
        )
    if isinstance(kind, type) and isinstance(value, str | int | float | bool):
        return isinstance(value, kind)
    return True


def _describe(kind: Any) -> str:
    words = {int: "a whole number", float: "a number", str: "text", bool: "true or false", Path: "a path"}
    if kind in words:
        return words[kind]
    if kind is None or kind is type(None):
        return "null"
    origin, choices = typing.get_origin(kind), typing.get_args(kind)
    if origin in (types.UnionType, typing.Union):
        return " or ".join(
            _describe(choice)
            for choice in choices
            if choice in words or choice is type(None) or typing.get_origin(choice)
        )
    if origin in (list, tuple, Sequence):
        return "a list of (" + ", ".join(_describe(choice) for choice in choices if choice is not ...) + ")"
    if origin in (Mapping, dict):
        return "names and their values: {name: value}"
    return getattr(kind, "__name__", str(kind))


def _annotations(target: str, name: str) -> dict[str, Any]:
    if not isinstance(target, str):
        raise ValueError(f"{name}._target_ is {target!r}; give the name of a class or function")
    module, _, leaf = target.rpartition(".")
    try:
        thing = getattr(importlib.import_module(module), leaf)
    except (ImportError, AttributeError, ValueError):
        raise ValueError(f"{name}._target_ is {target!r}; there is no such class or function") from None
    function = thing.__init__ if inspect.isclass(thing) else thing
    try:
        return typing.get_type_hints(function)
    except (NameError, TypeError):
        return {}
