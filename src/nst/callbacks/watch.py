"""A run seen from Python: each step's losses and picture for a function, a bar and the picture in a notebook."""

import base64
import html
import io
import signal
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from PIL import Image

from nst.callbacks.stop_on_signal import StopOnSignal
from nst.methods.image_module import ImageModule

PREVIEW = 384
"""Longest edge of the picture in a notebook, pixels."""
EVERY = 0.5
"""Seconds between two updates of a notebook at least."""


@dataclass(frozen=True)
class Step:
    """One step of a run, as a function is told it; its picture can be had while that function runs.

    Attributes:
        number: Of the step, from 1, over all levels.
        steps: Of this level, or of the training.
        losses: `loss`, the weighted sum, and each term before its weight (of a network in training: behind it).
        level: Number of the level, from 1.
        levels: Number of levels.
        size: (height, width) of the picture, pixels; None in the training of a network.
        done: Fraction of the run's work that is done, in (0, 1]; a step counts by its pixels.
    """

    number: int
    steps: int
    losses: Mapping[str, float]
    _module: LightningModule
    level: int = 1
    levels: int = 1
    size: tuple[int, int] | None = None
    done: float = 1.0

    @cached_property
    def image(self) -> Image.Image | None:
        """The picture as it is now, without `color.after`; None in the training of a network."""
        return picture_of(self._module)


class Watch(Callback):
    """Call a function after every step; to end the run early, and keep its picture, it raises KeyboardInterrupt.

    Args:
        function: Takes the step.
    """

    def __init__(self, function: Callable[[Step], object]) -> None:
        self.function = function

    def on_train_batch_end(self, trainer: Trainer, module: Any, *args: Any) -> None:
        """Call it."""
        try:
            self.function(step_of(trainer, module))
        except KeyboardInterrupt:  # as a signal does: before the next step, when the state has been kept
            for callback in trainer.callbacks:  # type: ignore[attr-defined]
                if isinstance(callback, StopOnSignal):
                    callback.received = signal.SIGINT


class Notebook(Callback):
    """Show a bar, the loss and the picture under the cell that runs."""

    def __init__(self) -> None:
        self.shown: Any = None
        self.last = 0.0

    def on_train_batch_end(self, trainer: Trainer, module: Any, *args: Any) -> None:
        """Show the step, if the last one shown is half a second old."""
        if time.monotonic() - self.last < EVERY and trainer.global_step < int(trainer.max_steps):
            return
        step = step_of(trainer, module)
        picture = f"<br>{inline(step.image, PREVIEW)}" if step.image else ""
        self._show(
            f"<progress value='{trainer.global_step}' max='{trainer.max_steps}'></progress> "
            f"step {step.number}, loss {step.losses['loss']:.4g}{picture}"
        )
        self.last = time.monotonic()

    def message(self, text: str) -> None:
        """Replace what is shown by a line; nothing where nothing was shown."""
        if self.shown is not None:
            self._show(html.escape(text))

    def _show(self, markup: str) -> None:
        page = import_module("IPython.display")  # there, since a notebook runs this
        if self.shown is None:
            self.shown = page.display(page.HTML(markup), display_id=True)
        else:
            self.shown.update(page.HTML(markup))


def in_notebook() -> bool:
    """Tell whether a notebook's kernel runs this process."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return hasattr(shell, "kernel")


def step_of(trainer: Trainer, module: Any) -> Step:
    """Return the step that has just been taken."""
    if isinstance(module, ImageModule):
        assert module.loss is not None  # a step was taken
        terms = {name: float(sum(stats.values())) for name, stats in module.shares.items()}
        losses = {"loss": float(module.loss), **terms}
        start, end = module.part
        steps = int(trainer.max_steps)
        return Step(
            module.first_step + trainer.global_step,
            steps,
            losses,
            module,
            *module.level,
            module.size,
            start + (end - start) * trainer.global_step / steps,
        )
    losses = {name: float(value) for name, value in module.last_losses.items()}
    steps = int(trainer.max_steps)
    return Step(trainer.global_step, steps, losses, module, done=trainer.global_step / steps)


def picture_of(module: Any) -> Image.Image | None:
    """Return the picture that a module holds; None if it holds none."""
    if not isinstance(module, ImageModule):
        return None
    pixels = (module.image().detach().float()[0].clamp(0, 1) * 255).round().byte()
    return Image.fromarray(pixels.permute(1, 2, 0).cpu().numpy())


def inline(image: Image.Image, edge: int) -> str:
    """Return a picture, at most `edge` pixels long, as HTML that holds it."""
    small = image.convert("RGB")
    small.thumbnail((edge, edge))
    data = io.BytesIO()
    small.save(data, "jpeg", quality=85)
    return f"<img src='data:image/jpeg;base64,{base64.b64encode(data.getvalue()).decode()}'>"
