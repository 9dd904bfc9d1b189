"""What a method yields: one training, ready to be fitted."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from lightning.pytorch import LightningModule


class Steps:
    """A sized iterable of step numbers: the data of a method that has none."""

    def __init__(self, count: int) -> None:
        self.count = count

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.count))

    def state_dict(self) -> dict[str, int]:
        """Give nothing: Lightning counts the steps, and asks for this where a run may be resumed."""
        return {}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Take nothing."""


@dataclass(frozen=True)
class Stage:
    """One `Trainer.fit`.

    Attributes:
        name: What a person reads on the progress bar.
        slug: What its files are called.
        module: What is trained.
        data: What it is trained on.
        steps: Optimiser steps.
        number: Which of the method's stages it is, from 1.
    """

    name: str
    slug: str
    module: LightningModule
    data: Iterable[Any]
    steps: int
    number: int = 1
