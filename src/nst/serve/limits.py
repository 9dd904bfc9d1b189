"""What a visitor of the page may ask for."""

from dataclasses import dataclass


class RefusedError(ValueError):
    """Something that a visitor asked for can't be done; the message is the sentence for the page."""


@dataclass(frozen=True)
class Limits:
    """The limits of a page.

    Attributes:
        size: Longest edge of a picture, pixels.
        seconds: Longest time that a picture may take; it is then stopped, and kept.
        megapixels: Larger uploads are refused, 10^6 pixels.
        megabytes: Larger files are refused, 10^6 bytes.
        waiting: Jobs that one visitor may have in the queue.
        queue: Jobs in the queue.
        patience: Seconds after which the jobs of a visitor whose browser is gone are stopped.
        kept: Runs and uploads of each kind that are kept for a visitor; older ones are deleted.
    """

    size: int = 1024
    seconds: float = 900.0
    megapixels: float = 50.0
    megabytes: float = 60.0
    waiting: int = 3
    queue: int = 60
    patience: float = 20.0
    kept: int = 60

    def __post_init__(self) -> None:
        for name, least in (("size", 64), ("seconds", 1), ("megapixels", 0.01), ("megabytes", 0.01), ("waiting", 1)):
            if getattr(self, name) < least:
                raise ValueError(f"--{name} is {getattr(self, name):g}; give {least:g} or more")
