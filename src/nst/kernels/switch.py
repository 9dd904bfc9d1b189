"""The process-wide switch behind the option `kernels`."""

from collections.abc import Iterator
from contextlib import contextmanager

CHOICES = ("auto", "off")
_choice = "auto"


@contextmanager
def use(choice: str) -> Iterator[None]:
    """Choose, while the block runs, between nst's kernels (`auto`) and plain PyTorch (`off`), for the whole process.

    Raises:
        ValueError: `choice` is neither.
    """
    global _choice
    check(choice)
    before, _choice = _choice, choice
    try:
        yield
    finally:
        _choice = before


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
