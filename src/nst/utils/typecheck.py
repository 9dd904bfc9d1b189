"""Check a configuration against the type annotations of what it builds, before any picture is read."""

import importlib
import inspect
import json
import math
import types
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ConfigDict, PydanticUserError, TypeAdapter, ValidationError

CONFIG = ConfigDict(strict=True, allow_inf_nan=False, arbitrary_types_allowed=True)
WORDS = {int: "a whole number", float: "a number", str: "text", bool: "true or false", Path: "a path"}
"""Type -> what an error calls it."""


def check(node: Any, name: str = "") -> None:
    """Refuse a value that its constructor does not accept; the annotations of every `_target_` are the schema.

    Args:
        node: A plain nested configuration (dicts, lists, scalars).
        name: Its place in the whole configuration, dotted.

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
    """Refuse a value that does not fit a type annotation.

    Raises:
        ValueError: As in `check`.
    """
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{option} is {value}; expected a finite number")
    if not _fits(value, kind):
        raise ValueError(f"{option} is {value!r}; expected {_describe(kind)}")


def _fits(value: Any, kind: Any) -> bool:
    """Return whether pydantic accepts a value, as strictly as JSON: float takes 1, int takes neither 1.0 nor true.

    What is still to be built fits everything, and so does every value where pydantic has no schema for a type.
    """
    text = json.dumps([value], default=str)  # in a list, because pydantic takes no config for a dataclass alone
    if '"_target_":' in text:
        return True
    try:
        TypeAdapter(list[kind], config=CONFIG).validate_json(text)
    except ValidationError:
        return False
    except (PydanticUserError, NameError):
        return True
    return True


def _describe(kind: Any) -> str:
    if kind in WORDS:
        return WORDS[kind]
    if kind is None or kind is type(None):
        return "null"
    origin, choices = typing.get_origin(kind), typing.get_args(kind)
    if origin in (types.UnionType, typing.Union):
        return " or ".join(
            _describe(choice)
            for choice in choices
            if choice in WORDS or choice is type(None) or typing.get_origin(choice)
        )
    if origin is typing.Literal:
        return " or ".join(map(str, choices))
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
