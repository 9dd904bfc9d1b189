"""How a network is trained: the numbers of `conf/training.yaml`, checked, and the batches that they make."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import DataLoader

from nst.callbacks import StopEarly
from nst.data.photographs import RandomCrops, ResumableSampler, TrainingCrops, TrainingImages


@dataclass(frozen=True)
class TrainingOptions:
    """How a network is trained.

    Args:
        gains: Loss -> factor of its weight.
        batch: Pictures in a step.
        crop: Edge of a random crop, pixels, a multiple of the network's stride: 8, `adain`: 4.
        zoom: A photograph's shorter edge is resized to 1 to this many times `crop`.
        style_crop: Edge of a random crop of a style picture, pixels; None: as `crop`.
        style_zoom: The same for style pictures.
        repaint: Fraction of the style pictures whose colour channels are permuted.
        workers: Processes that load pictures; 0 for none besides the training's own.
        cache: Decoded pictures that each of them keeps, 10^6 bytes.
        preview_every: Steps between two previews; 0 for none.
        preview_size: Longest edge of a preview, pixels.
        checkpoint_every: Steps between two checkpoints.
        stop: When to stop early.
        held_out: Photographs that are never trained on, at most a fifth of all; their losses are measured.
        held_out_every: Steps between two measurements.
        first_crop: Edge of the first crops, pixels, which cost less.
        first_crops: How many these are.
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
    held_out: int = 0
    held_out_every: int = 100
    first_crop: int = 0
    first_crops: int = 0
    style_crop: int | None = None

    def __post_init__(self) -> None:
        for name, least in (
            ("batch", 1),
            ("workers", 0),
            ("preview_size", 8),
            ("cache", 0),
            ("repaint", 0),
            ("held_out", 0),
        ):
            if getattr(self, name) < least:
                raise ValueError(f"training.{name} is {getattr(self, name)}; give {least} or more")

    def check_crop(self, stride: int) -> None:
        """Raise a ValueError if the crop is no multiple of a network's stride, pixels."""
        edges = {"crop": self.crop} | ({"first_crop": self.first_crop} if self.first_crops else {})
        for name, edge in edges.items():
            if edge % stride or edge < 8:
                raise ValueError(f"training.{name} is {edge}; this network needs a multiple of {stride}")

    def gain(self, names: Sequence[str]) -> dict[str, float]:
        """Return loss -> factor of its weight.

        Args:
            names: Of the losses.

        Raises:
            ValueError: A factor is not a number over 0, or belongs to no loss.
        """
        for name, factor in self.gains.items():
            if isinstance(factor, bool) or not isinstance(factor, int | float) or not factor > 0:
                raise ValueError(f"training.gains.{name} is {factor!r}; give a number over 0")
            if name not in names:
                raise ValueError(f"training.gains.{name} belongs to no loss; the losses are {', '.join(names)}")
        return dict(self.gains)

    def content_crops(self, photographs: TrainingImages, seed: int) -> RandomCrops:
        """Return random crops of photographs, the first ones smaller."""
        return RandomCrops(
            photographs,
            crop=self.crop,
            zoom=self.zoom,
            cache=self.cache,
            seed=seed,
            first=self.first_crop,
            until=self.first_crops,
        )

    def style_crops(self, named: Sequence[Path], more: TrainingImages | None, seed: int) -> RandomCrops:
        """Return random crops of style pictures: the named ones, and those of a folder."""
        return RandomCrops(
            TrainingImages([*named, *(more.paths if more else [])]),
            crop=self.style_crop or self.crop,
            zoom=self.style_zoom,
            cache=self.cache,
            seed=seed + 1,
            repaint=self.repaint,
        )

    def held_out_batches(
        self, held_out: Sequence[Path], styles: RandomCrops | None, least: int, seed: int
    ) -> list[Any]:
        """Return batches of held-out photographs, always the same.

        Args:
            held_out: Their files.
            styles: Crops of styles, as for `loader`.
            least: Examples; a photograph may be there several times, cropped differently.
            seed: Of the crops.
        """
        if not held_out:
            return []
        crops = replace(self, first_crops=0).content_crops(TrainingImages(list(held_out)), seed + 2)
        examples = TrainingCrops(crops, styles)
        numbers = range(max(len(held_out), least))
        return [
            torch.utils.data.default_collate([examples[n] for n in numbers[start : start + self.batch]])
            for start in numbers[:: self.batch]
        ]

    def loader(self, contents: RandomCrops, styles: RandomCrops | None, *, first: int) -> DataLoader[object]:
        """Return an endless loader of batches; `first` batches are skipped."""
        return DataLoader(
            TrainingCrops(contents, styles),
            batch_size=self.batch,
            sampler=ResumableSampler(self.batch, first),
            num_workers=self.workers,
            persistent_workers=self.workers > 0,
            pin_memory=torch.cuda.is_available(),  # a GPU copies from such memory while it computes
        )
