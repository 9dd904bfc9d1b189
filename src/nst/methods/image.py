"""Image optimisation (Gatys et al. 2016): a pyramid of paintings."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from nst.data import image_io, masks
from nst.data.inputs import Inputs, StylePicture
from nst.losses.base import check_choice
from nst.methods.image_module import ImageModule
from nst.methods.initial_image import Scene, Start
from nst.methods.pyramid import Level
from nst.methods.stage import Stage, Steps
from nst.methods.style_size import StyleSize
from nst.objective import Objective
from nst.optim.resize_state import State


class ImageMethod:
    """A pyramid: a for-loop round the single-scale program.

    Args:
        objective: Gives the losses.
        levels: Sizes and steps, in the order in which they are run.
        optimizer: Parameters -> optimiser.
        scheduler: (optimiser, steps=) -> what Lightning takes.
        init: Gives the initial image.
        fit: What a level's edge is on the content: `longest`, `shortest`, `height`, `width`, or `square`: squashed.
        style_fit: The same on the styles, or `content`: squashed to the content's size.
        style_size: Edge of the styles, pixels; null: the level's.
        style_scale: Size of all strokes: multiplies every style's own scale.
        space: `image`, `input` or `laplacian`: see `ImageModule`.
        moments: What the optimiser remembers when a level begins: nothing (`fresh`), or the moments of the level
            before, `resized`.
        coarser: Term -> its weight at a level over that at the next finer one; 1 for those that are not named.
        seed: Of the initial image.
    """

    name = "image"

    def __init__(
        self,
        *,
        objective: Objective,
        levels: Sequence[Level],
        optimizer: Callable[..., Optimizer],
        scheduler: Callable[..., dict[str, Any]],
        init: Start,
        fit: str,
        style_fit: str,
        style_size: int | None,
        style_scale: float,
        space: str,
        moments: str,
        coarser: Mapping[str, float],
        seed: int,
    ) -> None:
        self.objective = objective
        self.levels = levels
        self.optimizer = optimizer
        self.scheduler = scheduler
        self.init = init
        self.fit = fit
        self.strokes = StyleSize(fit=style_fit, size=style_size, scale=style_scale)
        self.space = space
        self.moments = check_choice("method.moments", moments, ("fresh", "resized"))
        if moments == "resized" and space == "laplacian":
            raise ValueError("method.moments=resized resizes maps; give method.space=image or input, or moments=fresh")
        self.coarser = coarser
        for name, factor in coarser.items():
            if not factor > 0:
                raise ValueError(f"method.coarser.{name} is {factor:g}; give a factor over 0: 1 is no change")
        self.seed = seed

    def stages(self, data: Inputs, *, first: int = 1) -> Iterator[Stage[ImageModule]]:
        """Yield one stage per level; each starts from the picture that the one before it left.

        Args:
            data: The content, the styles and where the content is kept, each at its own size.
            first: Number of the level to start with, from 1; its picture comes from a checkpoint.
        """
        image: Tensor | None = None
        warm: State | None = None
        first_step = 0
        for number, level in enumerate(self.levels, start=1):
            if number < first:
                first_step += level.steps
                continue
            module = self._module(number, first_step, data, image, warm)
            image = None
            size = module.size
            module.remembers = self.moments == "resized"
            name = f"level {number}/{len(self.levels)}, {size[1]} x {size[0]} px"
            yield Stage(name=name, module=module, data=Steps(level.steps), steps=level.steps, number=number)
            image = module.image().detach().cpu()
            if module.remembers:
                warm = module.memory or warm
            first_step += level.steps

    def _module(
        self, number: int, first_step: int, pictures: Inputs, before: Tensor | None, warm: State | None
    ) -> ImageModule:
        """The module of one level, with pictures of its own, so that it can let go of them."""
        level = self.levels[number - 1]
        size = image_io.fit(image_io.size_of(pictures.content), level.edge, by=self.fit)
        content = image_io.resize(pictures.content, size)
        return ImageModule(
            self._start(content, pictures.styles) if before is None else image_io.resize(before, size),
            content,
            [self.strokes.target(style, level.edge, size) for style in pictures.styles],
            objective=self.objective,
            optimizer=self.optimizer,
            scheduler=self.scheduler,
            space=self.space,
            first_step=first_step,
            steps=level.steps,
            keep=None if pictures.keep is None else masks.resize(pictures.keep, size),
            warm=warm,
            gains={name: factor ** (len(self.levels) - number) for name, factor in self.coarser.items()},
        )

    def _start(self, content: Tensor, styles: Sequence[StylePicture]) -> Tensor:
        generator = torch.Generator().manual_seed(self.seed)
        scene = Scene(content, styles[0].image, self.objective.backbone.input, generator)
        return self.init(scene)

    def remarks(self, styles: Sequence[StylePicture]) -> list[str]:
        """Return one line for each thing about the styles' sizes that a user may not expect."""
        return self.strokes.remarks(styles, max(level.edge for level in self.levels))
