"""How a network is taught: the numbers of `conf/training.yaml`, checked, and the lessons they make."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from torch.utils.data import DataLoader

from nst.callbacks import StopEarly
from nst.data.photographs import RandomCrops, ResumableSampler, TrainingCrops, TrainingImages


@dataclass(frozen=True)
class TrainingOptions:
    """How a network is taught.

    Args:
        gains: Term -> factor of its weight.
        batch: Pictures of a step.
        crop: Edge of a cut of a photograph, pixels, a multiple of 4.
        zoom: A photograph's shorter edge becomes 1 to this many times `crop`.
        style_zoom: The same for styles that are learned from pictures.
        repaint: Share of the styles whose colours change places.
        workers: Processes that load pictures; 0: the training's own.
        cache: Decoded pictures kept by each of them, 10^6 bytes.
        preview_every: Steps from preview to preview; 0: none.
        preview_size: Longest edge of a preview, pixels.
        checkpoint_every: Steps from checkpoint to checkpoint.
        stop: When to stop early.
    """

    batch: int
    crop: int
    zoom: float
    style_zoom: float
    repaint: float
    workers: int
    cache: float
    preview_every: int
    preview_size: int
    checkpoint_every: int
    stop: StopEarly
    gains: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, least in (("batch", 1), ("workers", 0), ("preview_size", 8), ("cache", 0), ("repaint", 0)):
            if getattr(self, name) < least:
                raise ValueError(f"training.{name} is {getattr(self, name)}; give {least} or more")

    def gain(self, names: Sequence[str]) -> dict[str, float]:
        """Return term -> factor, for the terms of these names.

        Raises:
            ValueError: A factor is none, or belongs to no term.
        """
        for name, factor in self.gains.items():
            if isinstance(factor, bool) or not isinstance(factor, int | float) or not factor > 0:
                raise ValueError(f"training.gains.{name} is {factor!r}; give a number over 0")
            if name not in names:
                raise ValueError(f"training.gains.{name} belongs to no loss; the losses are {', '.join(names)}")
        return dict(self.gains)

    def contents(self, photographs: TrainingImages, seed: int) -> RandomCrops:
        """Cut photographs."""
        return RandomCrops(photographs, crop=self.crop, zoom=self.zoom, cache=self.cache, seed=seed)

    def style_cuts(self, named: Sequence[Path], more: TrainingImages | None, seed: int) -> RandomCrops:
        """Cut styles: the named ones, and those of the folder."""
        return RandomCrops(
            TrainingImages([*named, *(more.paths if more else [])]),
            crop=self.crop,
            zoom=self.style_zoom,
            cache=self.cache,
            seed=seed + 1,
            repaint=self.repaint,
        )

    def loader(self, contents: RandomCrops, styles: RandomCrops | None, *, first: int) -> DataLoader[object]:
        """Give batches without an end, begun after the first ones."""
        return DataLoader(
            TrainingCrops(contents, styles),
            batch_size=self.batch,
            sampler=ResumableSampler(self.batch, first),
            num_workers=self.workers,
            persistent_workers=self.workers > 0,
        )
