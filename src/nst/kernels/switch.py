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
    if choice not in CHOICES:
        raise ValueError(f"kernels is {choice!r}; give {' or '.join(CHOICES)}")
    before, _choice = _choice, choice
    try:
        yield
    finally:
        _choice = before


def enabled() -> bool:
    """Tell whether nst's kernels may be used."""
    return _choice == "auto"
