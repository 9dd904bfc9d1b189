"""What the methods that train a network share: their losses, picture by picture, and the LightningModule."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

import torch
from lightning.pytorch import LightningModule
from torch import Tensor, nn

from nst.data import image_io, masks
from nst.data.inputs import StylePicture
from nst.losses.base import Stats
from nst.methods.divergence import DivergedError
from nst.methods.stage import Stage
from nst.methods.steadiness import steadiness
from nst.networks import Adain, KnownStyles
from nst.objective import Objective, References, RegionReference
from nst.optim.optimization import Optimization

Batch = tuple[Tensor, Tensor, Tensor]
"""Sample numbers (N,), photographs (N, 3, h, w) and styles (N, 3, h, w), the latter empty if the method needs none."""


class NetworkMethod(ABC):
    """A method that trains a network, in a single stage.

    Args:
        objective: Gives the losses; frozen.
        network: What is trained.
        style_names: Of all styles that the network knows when it is trained.
        optimization: Optimiser, learning rate and steps.
        trained: The parameters that are trained; None for all.
        steady: Weight of the loss that keeps strokes where a photograph moves; see `steadiness`.

    Attributes:
        name: The word typed for it, `method=<name>`.
        accepts_new_styles: Whether styles can be added to a trained network (constructor argument `before`).
        needs_style_pictures: Whether a batch holds a style picture for each photograph.
    """

    name: ClassVar[str]
    accepts_new_styles: ClassVar[bool] = False
    needs_style_pictures: ClassVar[bool] = False

    def __init__(
        self,
        *,
        objective: Objective,
        network: KnownStyles | Adain,
        style_names: Sequence[str],
        optimization: Optimization,
        trained: Sequence[nn.Parameter] | None = None,
        steady: float = 0.0,
    ) -> None:
        if steady < 0:
            raise ValueError(f"method.steady is {steady:g}; give 0 or more")
        self.objective = objective
        self.network: KnownStyles | Adain = network
        self.style_names = list(style_names)
        self.optimization = optimization
        self.trained = list(network.parameters() if trained is None else trained)
        self.steady = steady

    @abstractmethod
    def prepare(self, device: torch.device) -> None:
        """Move what is frozen to the device, and take the references that hold for the whole training."""

    @abstractmethod
    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Return name -> weighted loss, a scalar; the total is their sum."""

    @abstractmethod
    def preview(self, content: Tensor) -> dict[str, Tensor]:
        """Return style -> picture (1, 3, H, W) that the network makes of a photograph (1, 3, H, W)."""

    def temporal(
        self, paint: Callable[[Tensor], Tensor], contents: Tensor, pictures: Tensor, numbers: Tensor
    ) -> dict[str, Tensor]:
        """Return the weighted temporal loss as the term `steady`, none where its weight is 0; see `steadiness`."""
        return {"steady": self.steady * steadiness(paint, contents, pictures, numbers)} if self.steady else {}

    def statistics(self) -> dict[str, Tensor]:
        """Return what a trained network needs besides its parameters: nothing, unless a method says otherwise."""
        return {}

    def stages(
        self, data: Iterable[Batch], *, about: Mapping[str, Any] | None = None
    ) -> Iterator[Stage["NetworkModule"]]:
        """Yield the single stage.

        Args:
            data: Batches.
            about: What a checkpoint says of itself, as `networks.io.describe` gives it.
        """
        names = self.style_names
        shown = ", ".join(names) if len(names) < 4 else f"{len(names)} styles"
        module = NetworkModule(self, about=about or {})
        yield Stage(name=f"{self.name}, {shown}", module=module, data=data, steps=self.optimization.steps)


class NetworkModule(LightningModule):
    """Train the network of a method. What is frozen is no part of the module, so no checkpoint holds it.

    Args:
        method: Gives the network and its losses.
        about: What a checkpoint says of itself.

    Attributes:
        last_losses: Of the last step: `loss`, the total, and name -> weighted loss.
    """

    def __init__(self, method: NetworkMethod, *, about: Mapping[str, Any]) -> None:
        super().__init__()
        self.method = method
        self.network = method.network
        self.about = dict(about)
        self.last_losses: dict[str, Tensor] = {}

    @property
    def loss(self) -> Tensor | None:
        """Of the last step, a scalar."""
        return self.last_losses.get("loss")

    def configure_optimizers(self) -> Any:
        """Return the optimiser of what is trained, and its schedule over all steps."""
        return self.method.optimization.configure(self.method.trained)

    def on_fit_start(self) -> None:
        """Prepare the method on the device of the run."""
        self.method.prepare(self.device)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Return the sum of the weighted losses of a batch.

        Raises:
            DivergedError: It is not finite.
        """
        self.method.objective.set_sampling_step(self.trainer.global_step)
        losses = self.method.losses(batch)
        loss = torch.stack(list(losses.values())).sum()
        if not torch.isfinite(loss):
            raise DivergedError(
                f"the loss is {loss:g} at step {self.trainer.global_step}: not a number; lower optimizer.lr or the "
                f"weights; the last checkpoint is kept"
            )
        self.last_losses = {"loss": loss.detach(), **{name: value.detach() for name, value in losses.items()}}
        if (self.trainer.global_step + 1) % self.trainer.log_every_n_steps == 0:  # type: ignore[attr-defined]
            self._log(loss, losses)
        return loss

    def _log(self, loss: Tensor, losses: dict[str, Tensor]) -> None:
        values = {f"loss/{name}": value for name, value in losses.items()}
        rate = {"schedule/lr": self.trainer.optimizers[0].param_groups[0]["lr"]}
        self.log("loss", loss, logger=bool(self.loggers), batch_size=1)
        self.log_dict({**values, **rate}, logger=bool(self.loggers), batch_size=1)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add under `nst` what the checkpoint is, and what the network needs besides its parameters."""
        batches = self.trainer.global_step * self.trainer.accumulate_grad_batches
        checkpoint["nst"] = {**self.about, "keeps": self.method.statistics(), "batches": batches}


@torch.no_grad()
def style_references(
    objective: Objective, styles: Sequence[Tensor], opacity: Sequence[Tensor | None] = ()
) -> list[References]:
    """Return the references of each style (1, 3, h, w), taken from it alone, where it is visible.

    Args:
        objective: Gives the terms.
        styles: The styles.
        opacity: Of each style, (1, 1, h, w) or None for opaque; empty: all are opaque.
    """
    out = []
    for style, alpha in zip(styles, opacity or [None] * len(styles), strict=True):
        features = objective.backbone(style)
        sizes = {name: image_io.size_of(value) for name, value in features.items()}
        mask = None if alpha is None else masks.follow(alpha.to(style), sizes)
        terms = [(name, term) for name, term in objective.named() if term.of == "style"]
        out.append({name: [RegionReference(term.prepare(term.reference(features, mask)))] for name, term in terms})
    return out


def batch_losses(
    objective: Objective, pictures: Tensor, contents: Tensor, references: Sequence[References]
) -> dict[str, Tensor]:
    """Return term -> weighted loss, the mean over a batch, in float32 whatever the network computes in.

    Args:
        objective: Gives the terms.
        pictures: Output of the network, (N, 3, h, w) in [0, 1].
        contents: The photographs, likewise.
        references: Of each picture's style.
    """
    with torch.autocast(pictures.device.type, enabled=False):
        with torch.no_grad():
            targets = objective.backbone(contents.float())
        features = objective.backbone(pictures.float())
        rows = [_one(objective, _row(features, i), _row(targets, i), references[i]) for i in range(len(pictures))]
    return {name: torch.stack([row[name] for row in rows]).mean() for name in rows[0]}


def _row(features: Stats, i: int) -> Stats:
    return {layer: maps[i : i + 1] for layer, maps in features.items()}


def _one(objective: Objective, features: Stats, targets: Stats, styles: References) -> dict[str, Tensor]:
    """Term -> weighted loss of one picture."""
    out = {}
    for name, term in objective.named():
        if term.of == "style":
            stats = [reference.stats for reference in styles[name]]
        else:
            stats = [term.reference(targets) if term.of == "content" else {}]
        losses = [loss for one in stats for loss in term.score(term.measure(features, one), one).values()]
        out[name] = term.weight * torch.stack(losses).sum()
    return out


def sized(style: StylePicture, edge: int, least: int) -> Tensor:
    """Return a style's image with a shorter edge of `edge` pixels times the style's scale, or as it is if smaller.

    Raises:
        ValueError: The shorter edge has fewer than `least` pixels.
    """
    image = image_io.reduced(style.image, max(2.0, edge * style.scale), by="shortest")
    height, width = image_io.size_of(image)
    if min(height, width) < least:
        raise ValueError(
            f"the style {style.name} is too small: {width} x {height} pixels, but {least} are needed; give a larger "
            f"picture for it, a larger method.style_size= or style.{style.name}.scale=, or shallower layers"
        )
    return image


def sized_alpha(style: StylePicture, image: Tensor) -> Tensor | None:
    """Return a style's opacity at the size of its image, or None for an opaque style."""
    return None if style.alpha is None else masks.resize(style.alpha, image_io.size_of(image))
