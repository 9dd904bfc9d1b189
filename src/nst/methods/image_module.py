"""One level of a picture: the LightningModule whose only parameter is the generated image."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from lightning.pytorch import LightningModule
from torch import Tensor, nn
from torch.optim import Optimizer

from nst import kernels
from nst.data import image_io
from nst.losses.base import Stats, check_choice
from nst.methods.parametrization import Laplacian, bounded
from nst.objective import Objective, References, Target
from nst.optim.resize_state import State, resized
from nst.utils.distributed import SINGLE_PROCESS, Ranks


class DivergedError(ArithmeticError):
    """The loss or the picture stopped being a number."""


class ImageModule(LightningModule):
    """One level of a picture.

    Attributes:
        size: (height, width), pixels.

    Args:
        start: The image to begin with, [0, 1] RGB, (1, 3, H, W); it becomes the parameter and is not copied.
        content: The content at this size. It and the styles are let go when their references are taken.
        styles: The styles at their sizes.
        objective: Gives the losses.
        optimizer: Parameters -> optimiser.
        scheduler: (optimiser, steps=) -> what Lightning takes.
        space: What the parameter holds: `image` ([0, 1] RGB), or `input`, the backbone's own convention, in whose units
            the learning rate then is; or `laplacian`, the bands of the image, whose sum is clamped to [0, 1].
        first_step: Steps taken by the levels before this one: the loggers count on from there.
        steps: Optimiser steps of this level.
        keep: Where the content shows through the parameter, (1, 1, H, W) in [0, 1]; None for nowhere.
        warm: What the optimiser remembers from the level before; None for nothing.
        gains: Term -> factor of its weight at this level; None for 1.
    """

    pixels: nn.Parameter
    content: Tensor | None
    keep: Tensor | None

    def __init__(
        self,
        start: Tensor,
        content: Tensor,
        styles: Sequence[Target],
        *,
        objective: Objective,
        optimizer: Callable[..., Optimizer],
        scheduler: Callable[..., dict[str, Any]],
        space: str,
        first_step: int,
        steps: int,
        keep: Tensor | None = None,
        warm: State | None = None,
        gains: Mapping[str, float] | None = None,
    ) -> None:
        super().__init__()
        self.objective = objective
        self.register_buffer("content", content, persistent=False)
        self.register_buffer("keep", keep, persistent=False)
        self.styles = styles
        self.optimizer = optimizer
        self.scheduler = scheduler
        self.space = check_choice("method.space", space, ("image", "input", "laplacian"))
        self.first_step = first_step
        self.steps = steps
        self.warm = warm
        self.gains = gains
        self.remembers = False
        self.memory: State = {}
        self.strict_loading = False  # of a checkpoint, which holds the pixels alone
        self.size = image_io.size_of(start)
        self.bands = Laplacian(self.size) if space == "laplacian" else None
        if self.bands:
            start = self.bands.split(start)
        self.pixels = nn.Parameter(objective.backbone.input(start) if space == "input" else start)
        self.last_good: Tensor | None = None
        self.references: References = {}
        self.loss: Tensor | None = None
        self.logged: Stats = {}

    def image(self) -> Tensor:
        """Return the generated image, [0, 1] RGB but for overshoots, (1, 3, H, W); where it is kept, the content."""
        image: Tensor = self.pixels
        if self.bands:
            image = bounded(self.bands.join(image))
        elif self.space == "input":
            image = self.objective.backbone.input.inverse(image)
        if self.keep is None:
            return image
        assert self.content is not None  # it is kept where it is to show
        return torch.lerp(image, self.content, self.keep)

    def configure_optimizers(self) -> Any:
        """Return the optimiser of the single parameter and its schedule over this level."""
        optimizer = self.optimizer([self.pixels])
        if self.warm is not None:
            state = resized(self.warm, self.size)
            maps = {name for name, value in state.items() if isinstance(value, Tensor) and value.dim() == 4}
            optimizer.state[self.pixels] = {k: v.to(self.pixels) if k in maps else v for k, v in state.items()}
        self._optimizer = optimizer  # alive after the fit: the next level may begin with what it remembers
        return {"optimizer": optimizer, "lr_scheduler": self.scheduler(optimizer, steps=self.steps)}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Leave out everything that is frozen."""
        checkpoint["state_dict"] = {"pixels": self.pixels.detach()}

    def kept(self) -> dict[str, Any]:
        """Return what a finished level leaves: the pixels, and what the optimiser remembers where that is wanted."""
        return {"pixels": self.pixels.detach().cpu(), "memory": dict(self.memory) if self.remembers else {}}

    def take(self, kept: Mapping[str, Any]) -> None:
        """Be the finished level that left this."""
        self.pixels.data = kept["pixels"]
        self.memory = dict(kept["memory"])

    def on_fit_start(self) -> None:
        """Take the references once, on the device of the run; in full precision, for they are where it goes."""
        self.capture(self.ranks())

    def on_train_start(self) -> None:
        """Let go of the pictures that the references were taken from: at large sizes each counts.

        Their memory goes back to the system: a style's is no place for the gradient of a larger picture.
        """
        self.styles = ()
        if self.keep is None:
            self.content = None
        kernels.release_memory()
        if self._tries:
            self.last_good = self.pixels.detach().clone()

    def on_fit_end(self) -> None:
        """Note what the optimiser remembers, where a level after this one begins with it; let go of the rest."""
        self.memory = dict(self._optimizer.state.get(self.pixels, {})) if self.remembers else {}
        self._optimizer.state.clear()
        self.pixels.grad = self.last_good = None
        kernels.release_memory()  # what saves and judges the picture then finds room below the peak of the steps

    @property
    def _tries(self) -> bool:
        """Whether the optimiser tries pictures on its way, so that losses must not change: L-BFGS."""
        return isinstance(self.trainer.optimizers[0], torch.optim.LBFGS)

    def ranks(self) -> Ranks:
        """Return this process among those that work on the picture."""
        return Ranks(self.trainer.global_rank, self.trainer.world_size)

    def capture(self, ranks: Ranks = SINGLE_PROCESS) -> None:
        """Take the references from the content and the styles."""
        assert self.content is not None  # until the training begins
        device = self.pixels.device
        styles = [
            replace(style, image=style.image.to(device), mask=None if style.mask is None else style.mask.to(device))
            for style in self.styles
        ]
        self.references = self.objective.references(self.content, styles, ranks)

    def training_step(self, batch: int, batch_idx: int) -> Tensor:
        """Return the weighted sum of the losses of the generated image."""
        self.objective.set_sampling_step(0 if self._tries else self.trainer.global_step)
        shares = self.objective(self.image(), self.references, self.ranks())
        loss = self.objective.total(shares, self.gains)
        self.loss = loss.detach()
        if self._logs:
            self.log("loss", self.loss, prog_bar=True, logger=False)
            self.logged = {"loss": self.loss} | {f"loss/{name}": sum(stats.values()) for name, stats in shares.items()}
            self.logged |= {
                f"{name}/{layer}": share for name, stats in shares.items() for layer, share in stats.items()
            }
            self.logged = {name: value.detach() for name, value in self.logged.items()}
        return loss

    @property
    def _logs(self) -> bool:
        """Whether this step is one of those that are logged."""
        due: bool = (self.trainer.global_step + 1) % self.trainer.log_every_n_steps == 0  # type: ignore[attr-defined]
        return due

    def _log(self) -> None:
        """Give the loggers the losses of a step, themselves: Lightning's `log_dict` takes two milliseconds for them."""
        values = dict(zip(self.logged, torch.stack(list(self.logged.values())).tolist(), strict=True))
        values["lr"] = self.trainer.optimizers[0].param_groups[0]["lr"]
        for logger in self.loggers:
            logger.log_metrics(values, step=self.first_step + self.trainer.global_step + 1)
            logger.save()

    def on_before_optimizer_step(self, optimizer: Optimizer) -> None:
        """Stop before a step that would spoil the picture; what L-BFGS tries is judged after its step."""
        if not self._tries and not (_finite(self.loss) and _finite(self.pixels.grad)):
            raise self._diverged("the last good picture is kept")

    def optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        """Take a step, and stop where the loss or the picture is no number after it."""
        super().optimizer_step(*args, **kwargs)
        good = _finite(self.pixels) and _finite(self.loss)
        if good and self._logs:
            self._log()
        if self.last_good is not None:
            (self.last_good if good else self.pixels.data).copy_(self.pixels.detach() if good else self.last_good)
        if not good:
            raise self._diverged(
                "the last good picture is kept" if self.last_good is not None else "no picture is left"
            )

    def _diverged(self, rest: str) -> DivergedError:
        return DivergedError(
            f"the loss is {self.loss:g} at step {self.first_step + self.trainer.global_step}: not a number; "
            f"lower optimizer.lr or the weights, or use optimizer=adam; {rest}"
        )

    @torch.no_grad()
    def evaluate(self, image: Tensor) -> dict[str, Stats]:
        """Return term -> layer -> share for another image of this size."""
        if not self.references:
            self.capture()
        self.objective.set_sampling_step(0)
        shares: dict[str, Stats] = self.objective(image.to(self.pixels.device), self.references)
        return shares


def _finite(values: Tensor | None) -> bool:
    """Tell whether all are numbers, without a copy of them."""
    return values is not None and all(bool(torch.isfinite(value)) for value in values.detach().aminmax())
