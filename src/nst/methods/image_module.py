"""One level of a picture: the LightningModule whose only parameter is the generated image."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from lightning.pytorch import LightningModule
from torch import Tensor, nn
from torch.optim import LBFGS, Optimizer

from nst import kernels
from nst.data import image_io
from nst.losses.base import Stats
from nst.methods import cuda_graph
from nst.methods.divergence import DivergenceGuard
from nst.methods.parametrization import Parametrization
from nst.objective import Earlier, Objective, References, Target, sum_of
from nst.optim.optimization import Optimization
from nst.optim.resize_state import OptimizerState
from nst.utils.distributed import SINGLE_PROCESS, Ranks

PAUSE = 0.5
"""Seconds between two looks at what a GPU has computed: the host must wait for it to look."""


class ImageModule(LightningModule):
    """Optimise one picture at one size.

    Args:
        start: The image to start from, [0, 1] RGB, (1, 3, H, W); it may become the parameter without a copy.
        content: The content, of the same shape. It and the styles are dropped once their references are taken.
        styles: The styles, each at the size at which it is seen.
        objective: Gives the losses.
        optimization: Optimiser, learning rate and steps of this level.
        space: What the parameter holds, and how it becomes an image.
        first_step: Steps taken by the levels before this one; the loggers count on from there.
        keep: Where the content covers the picture, (1, 1, H, W) in [0, 1]; None for nowhere.
        alpha: Opacity of the content, likewise; None for opaque. No loss looks at what is transparent.
        saves_state: Whether the state of the optimiser is needed after the level.
        gains: Term -> factor of its weight at this level; None for 1.
        graph: Whether the losses are recorded as a CUDA graph where they can be: `auto` or `off`.
        earlier: Earlier pictures of a film.
        pace: How far each place moves from `start`, relative to what the parameter says, (1, 1, H, W) in [0, 1]; None
            for 1 everywhere.

    Attributes:
        pixels: The parameter, in whatever space; the name is that of the checkpoints.
        size: (height, width), pixels.
        level: Its number among the levels of the run, from 1, and their number.
        part: Where it starts and ends in the work of the run, which is steps times pixels; both in [0, 1].
        optimizer_state: After the fit, the state of the optimiser, if it is needed.
    """

    pixels: nn.Parameter
    content: Tensor | None
    keep: Tensor | None
    alpha: Tensor | None
    pace: Tensor | None
    start: Tensor | None

    def __init__(
        self,
        start: Tensor,
        content: Tensor,
        styles: Sequence[Target],
        *,
        objective: Objective,
        optimization: Optimization,
        space: Parametrization,
        first_step: int,
        keep: Tensor | None = None,
        alpha: Tensor | None = None,
        saves_state: bool = False,
        gains: Mapping[str, float] | None = None,
        graph: str = "off",
        earlier: Sequence[Earlier] = (),
        pace: Tensor | None = None,
    ) -> None:
        super().__init__()
        self.objective = objective
        self.optimization = optimization
        self.space = space
        self.first_step = first_step
        self.styles = styles
        self.register_buffer("content", content, persistent=False)
        self.register_buffer("keep", keep, persistent=False)
        self.register_buffer("alpha", alpha, persistent=False)
        self.register_buffer("pace", pace, persistent=False)
        self.register_buffer("start", None if pace is None else start.clone(), persistent=False)
        self.saves_state = saves_state
        self.gains = gains
        self.graph = graph
        self.losses: cuda_graph.Losses = self._losses
        self.earlier = earlier
        self.size = image_io.size_of(start)
        self.level = (1, 1)
        self.part = (0.0, 1.0)
        self.pixels = nn.Parameter(space.encode(start))
        self.strict_loading = False  # a checkpoint holds the parameter alone
        self.optimizer_state: OptimizerState = {}
        self.references: References = {}
        self.guard: DivergenceGuard | None = None
        self.loss: Tensor | None = None
        self.fit_device = torch.device("cpu")  # where the references are
        self.shares: dict[str, Stats] = {}  # of the last step: term -> layer -> share of the loss
        self.scalars: Stats = {}  # of the last step that is logged
        self.unlogged: list[tuple[int, float, Tensor]] = []  # step, rate, values of `scalars`: still on the device
        self.looked = time.monotonic()

    def image(self) -> Tensor:
        """Return the generated image, RGB in [0, 1] or slightly beyond, (1, 3, H, W)."""
        image = self.space.decode(self.pixels)
        if self.pace is not None:
            assert self.start is not None  # both or none
            image = torch.lerp(self.start, image, self.pace)
        if self.keep is None:
            return image
        assert self.content is not None  # not dropped if it is to show
        return torch.lerp(image, self.content, self.keep)

    def configure_optimizers(self) -> Any:
        """Return the optimiser of the parameter and its schedule over this level."""
        return self.optimization.configure([self.pixels])

    def on_fit_start(self) -> None:
        """Take the references once, on the device of the run and in full precision."""
        self.fit_device = self.device
        self.take_references(self.ranks())

    def on_train_start(self) -> None:
        """Drop the pictures that the references were taken from, so that their memory is free for the steps."""
        self.styles, self.alpha, self.earlier = (), None, ()
        if self.keep is None:
            self.content = None
        kernels.release_memory()
        self.guard = DivergenceGuard(self.pixels, self.trainer.optimizers[0])
        if cuda_graph.wanted(self.graph, self.objective, self.image(), processes=self.trainer.world_size):
            self.losses = cuda_graph.record(
                self._losses, self.pixels, self.trainer.precision_plugin.train_step_context()
            )

    def on_train_end(self) -> None:
        """Look at what the device has computed since the last look."""
        self.look()

    def on_fit_end(self) -> None:
        """Drop what the steps needed, so that the picture is saved and measured within their peak of memory."""
        state = self.trainer.optimizers[0].state
        self.optimizer_state = dict(state.get(self.pixels, {})) if self.saves_state else {}
        state.clear()
        self.pixels.grad = self.guard = None
        self.losses = self._losses  # a graph holds its memory
        kernels.release_memory()

    def ranks(self) -> Ranks:
        """Return this process among those that train the picture together."""
        return Ranks(self.trainer.global_rank, self.trainer.world_size)

    def take_references(self, ranks: Ranks = SINGLE_PROCESS) -> None:
        """Take the references from the content and the styles."""
        assert self.content is not None  # until the first step
        device = self.pixels.device
        wide = torch.promote_types(self.pixels.dtype, torch.float32)
        styles = [
            replace(
                style,
                image=style.image.to(device, wide),
                mask=None if style.mask is None else style.mask.to(device),
                alpha=None if style.alpha is None else style.alpha.to(device),
            )
            for style in self.styles
        ]
        earlier = [Earlier(one.image.to(device, wide), one.weight.to(device)) for one in self.earlier]
        self.references = self.objective.references(self.content, styles, ranks, alpha=self.alpha, earlier=earlier)

    def training_step(self, batch: int, batch_idx: int) -> Tensor:
        """Return the weighted sum of the losses of the generated image."""
        compares = isinstance(self.trainer.optimizers[0], LBFGS)  # the losses of several evaluations, so equal draws
        self.objective.set_sampling_step(0 if compares else self.trainer.global_step)
        loss, self.shares = self.losses(self.pixels)
        self.loss = loss.detach()
        if self._logs():
            self.log("loss", self.loss, logger=False)  # for a schedule that watches it
            self.scalars = {"loss": self.loss} | _scalars(self.shares)
        return loss

    def _losses(self, pixels: Tensor) -> tuple[Tensor, dict[str, Stats]]:
        """Return the total loss of the parameter, and term -> layer -> share of it, without a gradient."""
        assert pixels is self.pixels
        shares = self.objective(self.image(), self.references, self.ranks())
        loss = self.objective.total(shares, self.gains)
        return loss, {name: {k: share.detach() for k, share in stats.items()} for name, stats in shares.items()}

    def on_before_optimizer_step(self, optimizer: Optimizer) -> None:
        """Stop before a step that would spoil the picture."""
        assert self.guard is not None  # made when the training starts
        self.guard.before_step(self.loss, self._step())

    def optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        """Take a step, stop if it has spoilt the picture, and log its losses if it is due."""
        super().optimizer_step(*args, **kwargs)
        assert self.guard is not None
        self.guard.after_step(self.loss, self._step())
        if self._logs():
            values = torch.stack(list(self.scalars.values()))
            self.unlogged.append((self._step() + 1, self.trainer.optimizers[0].param_groups[0]["lr"], values))
        if self.device.type == "cpu" or time.monotonic() - self.looked > PAUSE:
            self.look()

    def look(self) -> None:
        """Pass on to the loggers what is not logged yet, and raise DivergedError if a step went wrong.

        On a GPU this waits for all that was asked of it, so it happens by time, and at the end.
        """
        if self.unlogged:
            self._log_scalars()
        # of several processes only the first: if another stopped alone, it would wait, and the picture be lost
        if self.guard is not None and self.trainer.is_global_zero:
            self.guard.check(self.loss, self.first_step)
        self.looked = time.monotonic()

    def _step(self) -> int:
        """The number of the step that is being taken, from 0 over all levels."""
        return self.first_step + self.trainer.global_step

    def _logs(self) -> bool:
        """Whether the step that is being taken is logged."""
        return (self.trainer.global_step + 1) % self.trainer.log_every_n_steps == 0  # type: ignore[attr-defined, no-any-return]

    def _log_scalars(self) -> None:
        """Pass the losses on to the loggers directly: Lightning's `log_dict` takes two milliseconds for them."""
        rows = torch.stack([values for _, _, values in self.unlogged]).tolist()
        for (step, rate, _), row in zip(self.unlogged, rows, strict=True):
            for logger in self.loggers:
                logger.log_metrics({**dict(zip(self.scalars, row, strict=True)), "schedule/lr": rate}, step=step)
        self.unlogged = []
        for logger in self.loggers:
            logger.save()

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Store the parameter alone, without what is frozen; the logs are then as far as the picture."""
        self.look()
        checkpoint["state_dict"] = {"pixels": self.pixels.detach()}

    def finished_state(self) -> dict[str, Any]:
        """Return what the next level needs of this one when it is finished: the parameter, the optimiser's state."""
        return {"pixels": self.pixels.detach().cpu(), "memory": dict(self.optimizer_state)}

    def load_finished_state(self, state: Mapping[str, Any]) -> None:
        """Set the module to what `finished_state` returned."""
        self.pixels.data = state["pixels"]
        self.optimizer_state = dict(state["memory"])

    @torch.no_grad()
    def evaluate(self, image: Tensor) -> dict[str, Stats]:
        """Return term -> layer -> share of the loss, for another image of this size."""
        self.to(self.fit_device)  # Lightning moves the module to the CPU after a fit
        if not self.references:
            self.take_references()
        self.objective.set_sampling_step(0)
        shares: dict[str, Stats] = self.objective(image.to(self.fit_device), self.references)
        return shares


def _scalars(shares: Mapping[str, Any]) -> Stats:
    """Name in the log -> scalar, of the terms and of their layers."""
    terms = {f"loss/{name}": sum_of(list(stats.values())) for name, stats in shares.items() if stats}
    layers = {f"term/{name}/{layer}": share for name, stats in shares.items() for layer, share in stats.items()}
    return terms | layers
