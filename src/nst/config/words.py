"""Python values as words of the command line, so that a call from Python makes the picture that they would make."""

from collections.abc import Iterable, Iterator, Mapping
from os import PathLike, fspath
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException

from nst.config.arguments import arguments, literal

Overrides = Iterable[str] | Mapping[str, Any]
"""Further words, as they are typed, or dotted key -> value."""


def words(options: Mapping[str, Any], overrides: Overrides = (), *, sweeps: bool = False) -> list[str]:
    """Return options as the words that Hydra reads.

    Args:
        options: Option -> value: a number, a text, true or false, None, a path, a list of them, or a mapping of the
            option's own keys to values.
        overrides: Further words, behind them.
        sweeps: Whether a list is several values to try instead of one value.

    Raises:
        TypeError: A value is of another type.
        ValueError: As for what is typed.
    """
    typed = [word for key, value in options.items() for word in _words(key, value, sweeps)]
    if isinstance(overrides, str):
        raise TypeError(f"overrides is the text {overrides!r}; give a list of texts, or a mapping of keys to values")
    if isinstance(overrides, Mapping):
        typed += [word for key, value in overrides.items() for word in _words(key, value, sweeps)]
    else:
        typed += overrides
    return arguments([*(["-m"] if sweeps else []), *typed])


def _words(key: str, value: Any, sweeps: bool) -> Iterator[str]:
    if isinstance(value, Mapping):
        for inner, item in value.items():
            yield from _words(f"{key}.{inner}", item, sweeps)
    elif sweeps and isinstance(value, list | tuple):
        yield f"{key}={','.join(_text(key, item) for item in value)}"
    else:
        yield f"{_key(key, value)}={_text(key, value)}"


def _key(key: str, value: Any) -> str:
    """A picture's file chosen by its path: `style=Path("art.jpg")` is `style.path=art.jpg`."""
    return f"{key}.path" if key in ("style", "content") and isinstance(value, PathLike) else key


def _text(key: str, value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, PathLike):
        value = fspath(value)
    if isinstance(value, list | tuple):
        return _list([_text(key, item) for item in value])
    if hasattr(value, "item") and not isinstance(value, str):  # a number of NumPy or torch
        value = value.item()
    if isinstance(value, int | float):
        return repr(value)
    if not isinstance(value, str):
        raise TypeError(
            f"{key} is of type {type(value).__name__}; give a number, a text, true or false, None, a path, or a list"
        )
    return value if _means_itself(value) else literal(value)


def _list(items: list[str]) -> str:
    """A list; with a quote round one text all have one, since a comma inside a quote ends no item."""
    if any(item[:1] == "'" for item in items):
        items = [item if item[:1] == "'" else literal(item) for item in items]
    return f"[{','.join(items)}]"


def _means_itself(text: str) -> bool:
    """Whether Hydra reads a text as this very text."""
    try:
        return bool(text) and OverridesParser.create().parse_override(f"x={text}").value() == text
    except HydraException:
        return False
