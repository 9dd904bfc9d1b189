"""The process-wide switch behind the option `kernels`."""

from collections.abc import Iterator
from contextlib import contextmanager

CHOICES = ("auto", "off")
_choice, _warns = "auto", True


@contextmanager
def use(choice: str, *, warns: bool = True) -> Iterator[None]:
    """Choose, while the block runs, between nst's kernels (`auto`) and plain PyTorch (`off`), for the whole process.

    Args:
        choice: `auto` or `off`.
        warns: Whether a lack of a compiler is worth a warning: not where a GPU does the work.

    Raises:
        ValueError: `choice` is neither.
    """
    global _choice, _warns
    check(choice)
    before, (_choice, _warns) = (_choice, _warns), (choice, warns)
    try:
        yield
    finally:
        _choice, _warns = before


def check(choice: object) -> None:
    """Refuse what is not a choice of kernels.

    Raises:
        ValueError: One line.
    """
    if choice not in CHOICES:
        raise ValueError(f"kernels is {choice!r}; give {' or '.join(CHOICES)} (in a YAML file in quotes: 'off')")


def enabled() -> bool:
    """Tell whether nst's kernels may be used."""
    return _choice == "auto"


def warns() -> bool:
    """Tell whether a lack of a compiler is worth a warning."""
    return _warns
