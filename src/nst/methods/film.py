"""Image optimisation of films (Ruder et al. 2016): every frame goes on from the one before it, moved along the flow."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from nst.data import flow, image_io
from nst.data.inputs import Inputs
from nst.methods.image import ImageMethod
from nst.methods.image_module import ImageModule
from nst.methods.stage import Stage
from nst.objective import Earlier
from nst.utils.files import user_path

STILL = 0.1
"""How fast a place changes where nothing moves, relative to others that go on from an earlier frame."""


@dataclass(frozen=True)
class FilmOptions:
    """How a film is optimised: the options `film.<name>`.

    Args:
        steps: Optimiser steps of each frame that goes on from another one; the first of a shot has the run's `steps`.
        earlier: Weight of the loss that keeps a frame near to earlier ones.
        passes: Times that the film is gone through, forward and back in turn.
        blend: Share of the neighbour in what a frame starts with from the second pass on, in [0, 1].
        distances: Frames to the earlier pictures of the temporal loss: the short term, then the long one.
        flow: Folder of flows, `<from>_<to>.flo` with numbers of frames from 0; null, or where a pair is missing: DIS.
        keyframes: Folder of painted frames, their names end in the number of the frame from 0; they are kept, and the
            frames around follow them.
        lr_factor: Of the learning rate where a frame goes on from earlier ones, in (0, 1]; what is uncovered has the
            whole.
    """

    steps: int
    earlier: float
    passes: int
    blend: float
    distances: list[int]
    flow: str | None = None
    keyframes: str | None = None
    lr_factor: float = 1.0

    def __post_init__(self) -> None:
        for name, least in (("steps", 0), ("earlier", 0), ("passes", 1)):
            if getattr(self, name) < least:
                raise ValueError(f"film.{name} is {getattr(self, name):g}; give {least} or more")
        if not 0 < self.lr_factor <= 1:
            raise ValueError(f"film.lr_factor is {self.lr_factor:g}; give a number over 0, at most 1")
        if not 0 <= self.blend <= 1:
            raise ValueError(f"film.blend is {self.blend:g}; give a share from 0 to 1")
        if not self.distances or min(self.distances) < 1 or len(set(self.distances)) < len(self.distances):
            raise ValueError(f"film.distances is {self.distances}; give different numbers of frames, 1 or more")


class Film(Protocol):
    """A film as the method sees it; frames are numbered from 0.

    Attributes:
        count: Of the frames.
    """

    count: int

    def shot(self, number: int) -> int:
        """Return the number of a frame's shot."""

    def content(self, number: int) -> Tensor:
        """Return a frame of the film at the size that is painted, (1, 3, H, W) in [0, 1]."""

    def picture(self, number: int) -> Tensor:
        """Return what has been painted of a frame last, (1, 3, H, W) in [0, 1]."""


@dataclass(frozen=True)
class FrameWork:
    """What is to be done for one frame in one pass.

    Attributes:
        turn: The pass, from 1.
        number: The frame, from 0.
        stages: To be fitted one after the other; the picture of the last one is the frame's. A keyframe has none.
        step: Optimiser steps before, of all frames.
        picture: The keyframe.
    """

    turn: int
    number: int
    step: int
    stages: Iterator[Stage[ImageModule]]
    picture: Tensor | None = None


class FilmMethod:
    """Optimise the frames of a film one after the other, in one pass or several.

    The first frame of a shot is painted as a picture. A later one starts with the picture of the one before, moved
    along the optical flow, where that can be trusted, and elsewhere as a picture does; the loss `earlier` keeps it near
    to earlier pictures. From the second pass on, which goes backward and then forward in turn, a frame starts with its
    own picture, mixed with its neighbour's.

    Args:
        painting: Optimises pictures.
        options: How.

    Source: Ruder, Dosovitskiy & Brox 2016, sections 3 and 4: long-term weights (equation 9), passes (equation 10).

    Differs: DIS instead of DeepFlow; what is uncovered starts as `init` says, not with what the flow brings there;
    what is painted already changes more slowly (`lr_factor`, `STILL`).
    """

    def __init__(self, painting: ImageMethod, options: FilmOptions) -> None:
        self.painting = painting
        self.options = options
        self.flows = _numbered(options.flow, r"(\d+)_(\d+)\.flo$", "film.flow", "000001_000000.flo")
        self.keyframes = _numbered(options.keyframes, r"(\d+)\.[A-Za-z]+$", "film.keyframes", "000012.png")

    def work(
        self, film: Film, inputs: Callable[[int], Inputs], done: Callable[[int, int], bool]
    ) -> Iterator[FrameWork]:
        """Yield what is to be done for each frame, in the order in which it is done.

        Args:
            film: The film; its pictures must be there when the next work is asked for.
            inputs: Frame -> what it is painted from.
            done: (pass, frame) -> whether that is there already.
        """
        step = 0
        for turn in range(1, self.options.passes + 1):
            order = range(film.count) if turn % 2 else range(film.count - 1, -1, -1)
            for number in order:
                neighbours = self._neighbours(film, number, 1 if turn % 2 else -1)
                begins = turn == 1 and not neighbours and (number,) not in self.keyframes
                if not done(turn, number):
                    yield self._frame(film, inputs, turn, number, neighbours, step)
                if (number,) not in self.keyframes:
                    levels = self.painting.levels
                    step += sum(level.steps for level in levels) if begins else self.options.steps

    def _neighbours(self, film: Film, number: int, way: int) -> list[int]:
        """Return the frames of the same shot at the distances, where a pass comes from, the nearest first."""
        found = [number - way * distance for distance in sorted(self.options.distances)]
        shot = film.shot(number)
        return [other for other in found if 0 <= other < film.count and film.shot(other) == shot]

    def _frame(
        self, film: Film, inputs: Callable[[int], Inputs], turn: int, number: int, neighbours: list[int], step: int
    ) -> FrameWork:
        if key := self.keyframes.get((number,)):
            size = image_io.size_of(film.content(number))
            return FrameWork(turn, number, step, iter(()), image_io.resize(image_io.load(key).rgb, size).clamp(0, 1))
        pictures = inputs(number)
        if turn == 1 and not neighbours:
            return FrameWork(turn, number, step, self._named(self.painting.stages(pictures), turn, number, step))
        found = [self._moved(film, number, other) for other in neighbours]
        moved = [earlier for earlier, _ in found]
        start = self.painting.initial(pictures) if turn == 1 else film.picture(number)
        pace = torch.full_like(start[:, :1], self.options.lr_factor)  # from the second pass on every place is painted
        if moved:
            if turn == 1:
                pace = 1 - (1 - self.options.lr_factor) * moved[0].weight
            pace = pace * (1 - (1 - STILL) * found[0][1])
            start = torch.lerp(start, moved[0].image, moved[0].weight * (1.0 if turn == 1 else self.options.blend))
        stage = self.painting.continued(
            pictures,
            start,
            steps=self.options.steps,
            first_step=0,
            earlier=_disjoint(moved),
            pace=pace,
        )
        return FrameWork(turn, number, step, self._named(iter([stage]), turn, number, step))

    def _named(
        self, stages: Iterator[Stage[ImageModule]], turn: int, number: int, step: int
    ) -> Iterator[Stage[ImageModule]]:
        """Yield stages with the frame's name, whose steps are counted over the whole film."""
        tail = f", pass {turn}" if self.options.passes > 1 else ""
        for stage in stages:
            stage.module.first_step += step
            yield Stage(f"frame {number + 1}{tail}", stage.module, stage.data, stage.steps, stage.number)

    def _moved(self, film: Film, number: int, other: int) -> tuple[Earlier, Tensor]:
        """Return the picture of another frame, moved to where things are in this one, and where both look the same."""
        there, back = self._flow(film, number, other), self._flow(film, other, number)
        still = flow.still(there, film.content(number), film.content(other))
        return Earlier(flow.carry(film.picture(other), there), flow.trusted(there, back)), still

    def _flow(self, film: Film, number: int, other: int) -> Tensor:
        first = film.content(number)
        if path := self.flows.get((number, other)):
            return flow.read(path, image_io.size_of(first))
        return flow.between(first, film.content(other))


def _disjoint(moved: list[Earlier]) -> list[Earlier]:
    """Return earlier pictures, each with the weight where no nearer one can be trusted."""
    out: list[Earlier] = []
    for one in moved:
        free = one.weight - sum((other.weight for other in out), torch.zeros_like(one.weight))
        out.append(Earlier(one.image, free.clamp(0, 1)))
    return out


def _numbered(folder: str | None, pattern: str, option: str, example: str) -> dict[tuple[int, ...], Path]:
    """Return the numbers in a file's name -> the file, for the files of a folder.

    Raises:
        ValueError: There is no such folder, or no such file in it.
    """
    if folder is None:
        return {}
    path = user_path(folder)
    files = sorted(path.iterdir()) if path.is_dir() else []
    found = {tuple(map(int, match.groups())): file for file in files if (match := re.search(pattern, file.name))}
    if not found:
        raise ValueError(f"{option}={folder} is no folder with files such as {example}; give one")
    return found
