"""What every method is, and the stages that it yields."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from lightning.pytorch import LightningModule

from nst.objective import Objective

Data = TypeVar("Data", contravariant=True)
Module = TypeVar("Module", bound=LightningModule, covariant=True)


@dataclass(frozen=True)
class Stage(Generic[Module]):
    """One `Trainer.fit`.

    Attributes:
        name: Shown on the progress bar.
        module: What is trained.
        data: What it is trained on.
        steps: Optimiser steps.
        number: Which of the method's stages it is, from 1.
    """

    name: str
    module: Module
    data: Iterable[Any]
    steps: int
    number: int = 1


class Method(Protocol[Data]):
    """A way to get a picture or a network: its stages, each of which is fitted before the next one is asked for.

    Attributes:
        name: The word typed for it, `method=<name>`.
        objective: Gives the losses; frozen.
    """

    name: str
    objective: Objective

    def stages(self, data: Data) -> Iterator[Stage[LightningModule]]:
        """Yield the stages in the order in which they are fitted.

        Args:
            data: The pictures of the run (`ImageMethod`), or batches of photographs (`NetworkMethod`).
        """


class Steps:
    """The numbers of the steps, from 0: the data of a stage that is trained on nothing.

    Args:
        count: Of the steps.
    """

    def __init__(self, count: int) -> None:
        self.count = count

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.count))

    def state_dict(self) -> dict[str, int]:
        """Return nothing: Lightning counts the steps itself, but asks for a state when it writes a checkpoint."""
        return {}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Ignore a state, which is empty."""
