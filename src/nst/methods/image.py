"""Image optimisation (Gatys et al. 2016), coarse to fine."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import accumulate

import torch
from torch import Tensor
from torch.optim import Optimizer

from nst.data import image_io, masks
from nst.data.inputs import Inputs
from nst.data.resampling import Resampling
from nst.methods import cuda_graph as cuda_graphs
from nst.methods.image_module import ImageModule
from nst.methods.initial_image import Initial, InitInputs
from nst.methods.parametrization import BANDS, EQUAL, SPACES, parametrization
from nst.methods.pyramid import Level
from nst.methods.stage import Stage, Steps
from nst.methods.style_size import StyleSize
from nst.objective import Earlier, Objective
from nst.optim.lr_schedulers import Schedule
from nst.optim.optimization import Optimization
from nst.optim.resize_state import OptimizerState
from nst.utils.errors import check_choice


class ImageMethod:
    """Optimise the picture itself, at one size after the other.

    Args:
        objective: Gives the losses.
        levels: Sizes and steps, in the order in which they are run.
        optimizer: Parameters -> optimiser.
        scheduler: Makes the schedule of the learning rate over a level; see `lr_schedulers.configure`.
        init: Gives the initial image.
        fit: Which edge of the content a level's edge is: `longest`, `shortest`, `height`, `width`, or `square`
            (squashed).
        style_fit: The same for the styles, or `content`: squashed to the content's size.
        style_size: Edge of the styles, pixels; None: that of the level.
        style_scale: Size of all strokes: multiplies the scale of every style.
        space: What the parameter holds: `image` ([0, 1] RGB), `input` (the backbone's own convention) or `laplacian`
            (the bands of the image); see `parametrization`.
        band_lr: Factors of the learning rate for the bands, fine to coarse; see `LaplacianBands`.
        finer_band_lr: The same for the levels after the first, whose coarse bands are painted already; None: as
            `band_lr`.
        moments: The state in which the optimiser starts a level: `fresh`, or `resized` from the level before.
        coarser: Term -> its weight at a level divided by that at the next finer one; 1 for those that are not named.
        seed: Of the initial image.
        resample: Filter by which pictures are resized; see `Resampling`.
        antialias: Whether it is anti-aliased.
        level_antialias: The same for the picture that goes from a level to the next; None: as `antialias`.
        rounding: How sizes become whole numbers, see `Resampling`.
        quantize: Whether resized contents and styles are rounded to 8 bits.
        style_enlarge: How far a style that has fewer pixels than asked for is enlarged; see `StyleSize`.
        cuda_graph: Whether a GPU's steps are recorded as a CUDA graph where they can be: `auto` or `off`.
    """

    name = "image"

    def __init__(
        self,
        *,
        objective: Objective,
        levels: Sequence[Level],
        optimizer: Callable[..., Optimizer],
        scheduler: Schedule,
        init: Initial,
        fit: str,
        style_fit: str,
        style_size: int | None,
        style_scale: float,
        space: str,
        moments: str,
        coarser: Mapping[str, float],
        seed: int,
        resample: str = "bicubic",
        antialias: bool = True,
        level_antialias: bool | None = None,
        rounding: str = "nearest",
        quantize: bool = False,
        style_enlarge: bool | float = False,
        band_lr: Sequence[float] = EQUAL,
        finer_band_lr: Sequence[float] | None = None,
        cuda_graph: str = "auto",
    ) -> None:
        self.objective = objective
        self.levels = levels
        self.optimizer = optimizer
        self.scheduler = scheduler
        self.init = init
        self.fit = fit
        self.resampling = Resampling(resample, antialias, rounding, quantize)
        smooth = antialias if level_antialias is None else level_antialias
        self.between = replace(self.resampling, antialias=smooth, quantize=False)
        self.style_size = StyleSize(
            fit=style_fit, size=style_size, scale=style_scale, enlarge=style_enlarge, resampling=self.resampling
        )
        self.space = check_choice("method.space", space, SPACES)
        self.band_lr = _checked("band_lr", band_lr)
        self.finer_band_lr = self.band_lr if finer_band_lr is None else _checked("finer_band_lr", finer_band_lr)
        self.moments = check_choice("method.moments", moments, ("fresh", "resized"))
        if moments == "resized" and space == "laplacian":
            raise ValueError("method.moments=resized resizes maps; give method.space=image or input, or moments=fresh")
        for name, factor in coarser.items():
            if not factor > 0:
                raise ValueError(f"method.coarser.{name} is {factor:g}; give a factor over 0: 1 is no change")
        self.coarser = coarser
        self.seed = seed
        self.cuda_graph = check_choice("cuda_graph", cuda_graph, cuda_graphs.CHOICES)

    def stages(self, data: Inputs, *, first: int = 1) -> Iterator[Stage[ImageModule]]:
        """Yield one stage per level; each starts from the picture that the one before it left.

        Args:
            data: The content, the styles and where the content is kept, each at its own size.
            first: Number of the level to start with, from 1; its picture comes from a checkpoint.
        """
        image: Tensor | None = None
        state: OptimizerState | None = None
        levels, _ = self.fitting(data)
        first_step = sum(level.steps for level in levels[: first - 1])
        work = list(accumulate((level.steps * level.edge**2 for level in levels), initial=0.0))
        whole = work[-1] or 1.0
        for number, level in enumerate(levels[first - 1 :], start=first):
            band_lr = self.band_lr if number == 1 else self.finer_band_lr
            module = self._module(level, len(levels) - number, first_step, data, image, state, band_lr)
            image = None  # the module's own
            module.level = number, len(levels)
            module.part = work[number - 1] / whole, work[number] / whole
            name = f"level {number}/{len(levels)}, {module.size[1]} x {module.size[0]} px"
            yield Stage(name=name, module=module, data=Steps(level.steps), steps=level.steps, number=number)
            image = module.image().detach().cpu()
            state = module.optimizer_state or state
            first_step += level.steps

    def continued(
        self, data: Inputs, start: Tensor, *, steps: int, first_step: int, earlier: Sequence[Earlier], pace: Tensor
    ) -> Stage[ImageModule]:
        """Return a stage of the last level that goes on from an image: a frame of a film.

        Args:
            data: What is painted.
            start: The image, (1, 3, H, W) in [0, 1].
            steps: Optimiser steps.
            first_step: Steps before.
            earlier: Earlier pictures of the film.
            pace: How fast each place changes, (1, 1, H, W) in [0, 1].
        """
        level = Level(self.levels[-1].edge, steps)
        module = self._module(level, 0, first_step, data, start, None, self.band_lr, earlier, pace)
        return Stage(name="frame", module=module, data=Steps(steps), steps=steps)

    def size(self, content: Tensor) -> tuple[int, int]:
        """Return the (height, width) of the last level of a content, pixels."""
        return self.resampling.fit(image_io.size_of(content), self.levels[-1].edge, by=self.fit)

    def initial(self, data: Inputs) -> Tensor:
        """Return the image that the last level would start from by itself."""
        return self._initial(self.resampling.resize(data.content, self.size(data.content)), data)

    def fitting(self, data: Inputs) -> tuple[Sequence[Level], list[str]]:
        """Return the levels at which neither the picture nor a style is too small for the backbone, and remarks.

        Raises:
            ValueError: The last level is too small.
        """
        content = image_io.size_of(data.content)
        kept, remarks = [], []
        for level in self.levels:
            height, width = self.resampling.fit(content, level.edge, by=self.fit)
            objective = self.objective.for_edge(min(height, width))
            least = objective.smallest
            needs = f"the deepest layer in use ({objective.backbone.layers[-1]}) needs {least}"
            small = min(height, width) < least
            styles = [self.style_size.too_small(style, level.edge, (height, width), least) for style in data.styles]
            if level is self.levels[-1]:
                if small:
                    enough = math.ceil(level.edge * least / min(height, width))
                    raise ValueError(
                        f"a picture of {width} x {height} pixels is too small: {needs}; "
                        f"give size={enough} or more, or shallower layers"
                    )
                if line := next((line for line in styles if line), None):
                    raise ValueError(f"{line}: {needs}; {self.style_size.remedy}, or shallower layers")
            if small or any(styles):
                what = "a style" if not small else "the picture"
                remarks.append(f"the level of {width} x {height} px is left out: {what} is too small, {needs}")
            else:
                kept.append(level)
        return kept, remarks

    def _module(
        self,
        level: Level,
        coarser: int,
        first_step: int,
        inputs: Inputs,
        image: Tensor | None,
        state: OptimizerState | None,
        band_lr: Sequence[float],
        earlier: Sequence[Earlier] = (),
        pace: Tensor | None = None,
    ) -> ImageModule:
        """The module of a level; it alone holds the pictures at its size, so that it can drop them.

        Args:
            level: Its edge and steps.
            coarser: Levels that follow.
            first_step: Steps before.
            inputs: The pictures.
            image: What the level before left.
            state: Of its optimiser.
            band_lr: Factors of the learning rate for the bands.
            earlier: Earlier pictures of a film.
            pace: How fast each place changes; None for 1 everywhere.
        """
        size = self.resampling.fit(image_io.size_of(inputs.content), level.edge, by=self.fit)
        content = self.resampling.resize(inputs.content, size)
        return ImageModule(
            self._initial(content, inputs) if image is None else self.between.resize(image, size),
            content,
            [self.style_size.target(style, level.edge, size) for style in inputs.styles],
            objective=self.objective.for_edge(min(size)),
            optimization=Optimization(self.optimizer, self.scheduler, level.steps, state),
            space=parametrization(self.space, size, self.objective.backbone.input, band_lr),
            first_step=first_step,
            keep=None if inputs.keep is None else masks.resize(inputs.keep, size),
            alpha=None if inputs.original.alpha is None else masks.resize(inputs.original.alpha, size),
            saves_state=self.moments == "resized",
            gains={name: factor**coarser for name, factor in self.coarser.items()},
            graph=self.cuda_graph,
            earlier=earlier,
            pace=pace,
        )

    def _initial(self, content: Tensor, inputs: Inputs) -> Tensor:
        first = inputs.styles[0]
        return self.init(
            InitInputs(
                content,
                first.image,
                self.objective.backbone.input,
                torch.Generator().manual_seed(self.seed),
                first.alpha,
                self.resampling,
                first.name,
                inputs.original.alpha,
            )
        )

    def remarks(self, data: Inputs) -> list[str]:
        """Return one line for each thing about levels and the styles' sizes that a user may not expect."""
        edge = max(level.edge for level in self.levels)
        return [*self.fitting(data)[1], *self.style_size.remarks(data.styles, edge)]


def _checked(name: str, factors: Sequence[float]) -> Sequence[float]:
    """Return the factors of the bands.

    Raises:
        ValueError: They are not one for each band, or not over 0.
    """
    if len(factors) != BANDS or not all(factor > 0 for factor in factors):
        raise ValueError(f"method.{name} is {list(factors)}; give {BANDS} numbers over 0, fine to coarse")
    return factors
