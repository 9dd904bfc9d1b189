"""A network's job: find pictures, train, and leave `network.ckpt`, `last.ckpt` and the figures."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import nan
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from nst import trackers
from nst.callbacks import HeldOut, Preview, Progress
from nst.callbacks.checkpoint import NAME, NetworkCheckpoint
from nst.callbacks.stop_on_signal import StopOnSignal
from nst.config import legacy
from nst.config.invocation import Outcome
from nst.config.job import NetworkJob
from nst.data import image_io
from nst.data.inputs import StylePicture
from nst.data.library import ImageFile, ImageSource
from nst.experiment import helpers, status
from nst.experiment.record import Record
from nst.methods import NetworkMethod, NetworkModule
from nst.metrics.judge import sweep_value
from nst.networks import io, model_card
from nst.utils import distributed
from nst.utils.files import sha256, user_path, write

log = logging.getLogger("nst")
FILE = "network.ckpt"
SHARED = "network.safetensors"
"""The same network for others: no program runs code when it loads it."""
SAME = (
    "method", "backbone", "layers", "loss", "weights", "optimizer", "scheduler", "data", "style", "seed", "steps",
    "training",
)  # fmt: skip
"""Options that a resumed training must share with the one that it goes on with, or it ends elsewhere."""


def run(job: NetworkJob, record: Record, stop: StopOnSignal) -> Outcome:
    """Train a network and return what `minimize=` names: the last loss, or the seconds.

    Of several processes that train one network only the first leaves files: its record `leads`.

    Args:
        job: Everything that it is made of.
        record: Of the run's folder.
        stop: Ends the job at a signal.
    """
    base = BaseNetwork.read(user_path(job.base)) if job.base is not None else None
    own = BaseNetwork.read(job.folder) if job.resumes and (job.folder / NAME).is_file() else None
    if record.leads:
        status.refuse_written(job.folder, [found.path for _, found in (job.content, *job.styles)])
    known = own or base
    job = replace(job, styles=_named(job.styles, known.styles if known else []))
    method, adds = _method(job, base, record)
    _warn(job, record)
    goes_on = own or (None if adds else base)
    if goes_on:
        _check_same(goes_on, job, method, record)
    options, (photographs, held_out) = job.options, job.photographs.parted(job.options.held_out)
    options.check_crop(method.network.stride)
    named = [found.path for _, found in job.styles]
    styles = options.style_crops(named, photographs.styles, job.seed) if method.needs_style_pictures else None
    contents = options.content_crops(photographs, job.seed)
    batches = goes_on.batches or 0 if goes_on else 0
    loader = options.loader(contents, styles, first=batches)
    measured = options.held_out_batches(held_out, styles, len(method.style_names), job.seed)
    held = HeldOut(measured, every=options.held_out_every, stop=options.stop)
    about = io.describe(method.network, method.name, method.style_names, job.choices.config)
    stage = next(method.stages(loader, about=about))
    content = _preview_content(job, method.network.stride)
    last_step = (own.batches or 0) // job.accumulate - 1 if own else None  # Lightning counts from 0
    logs, callbacks = [], [options.stop, held, NetworkCheckpoint(job.folder / NAME, every=options.checkpoint_every)]
    if record.leads:
        logs = trackers.open_loggers(job.loggers.factories, job.loggers.run(job.folder, last_step))
        bar = [Progress(stage.name)] if job.invocation.has_terminal else []
        callbacks = [stop, Preview(content, every=options.preview_every), *callbacks[:2], *bar, *callbacks[2:]]
        callbacks += job.invocation.watchers
    trainer = job.trainer(stage.steps, logs, callbacks)
    try:
        with helpers.watched(trainer, record):
            trainer.fit(stage.module, stage.data, ckpt_path=str(goes_on.path) if goes_on else None, weights_only=True)
    finally:
        if trainer.global_step and record.leads:
            _save(job, stage.module, content, held, len(photographs.paths))
    distributed.leave()
    if not record.leads:
        return nan
    terms = {name: float(value) for name, value in stage.module.last_losses.items()}
    loss = terms.pop("loss", nan)
    record.metrics(
        loss=loss,
        terms=terms,
        steps=trainer.global_step,
        pictures=len(photographs.paths),
        held_out={"photographs": [path.name for path in held_out], **held.losses},
        skipped={str(path): reason for path, reason in photographs.skipped.items()},
        styles=method.style_names,
        parameters=sum(parameter.numel() for parameter in method.network.parameters()),
        sources={
            "styles": [{"name": style.name, **vars(found)} for style, found in job.styles],
            "checkpoint": method.objective.backbone.source,
            "photographs": {"names_and_sizes_sha256": photographs.digest()},
            "base": None if base is None else {"path": base.path, "sha256": sha256(base.path)},
        },
        resumed=None if goes_on is None else str(goes_on.path),
        threads=torch.get_num_threads(),
        device=trainer.strategy.root_device.type,
    )
    finals = {"loss": loss, **terms, **record.costs()}
    trackers.finish(logs, {f"result/{name}": value for name, value in finals.items()})
    log.info("network: %s", job.folder / FILE)
    return sweep_value(job.minimize, {"loss": loss, "seconds": record.seconds()})


@dataclass(frozen=True)
class BaseNetwork:
    """The checkpoint that a training goes on from.

    Attributes:
        path: The checkpoint.
        method: Of its network.
        styles: Names of the styles that it knows.
        config: Its configuration.
        batches: That it was trained on; None: the file holds a trained network and no training.
    """

    path: Path
    method: str
    styles: list[str]
    config: dict[str, Any]
    batches: int | None

    @classmethod
    def read(cls, path: Path) -> "BaseNetwork":
        """Read a checkpoint, or that of a run's folder.

        Raises:
            ValueError: The folder holds none, or it is damaged.
        """
        if path.is_dir():
            inside = [path / name for name in (NAME, FILE) if (path / name).is_file()]
            if not inside:
                raise ValueError(f"base={path} holds no {NAME}; give the folder of a run that trained a network")
            path = inside[0]
        about = io.read(path)["nst"]
        config = legacy.config(dict(about["config"]))
        return cls(path, str(about["method"]), list(about["styles"]), config, about.get("batches"))


def _named(
    styles: Sequence[tuple[ImageSource, ImageFile]], known: Sequence[str]
) -> list[tuple[ImageSource, ImageFile]]:
    """Return styles under the names of the user's own files; the option's, if the network knows them by these."""
    short = [style.short for style, _ in styles]
    return [
        (style if style.name in known or short.count(name) > 1 else replace(style, name=name), found)
        for (style, found), name in zip(styles, short, strict=True)
    ]


def _method(job: NetworkJob, base: BaseNetwork | None, record: Record) -> tuple[NetworkMethod, bool]:
    """Build the method with the styles to be learned; return it, and whether it adds styles to the base network."""
    new = base is not None and any(style.name not in base.styles for style, _ in job.styles)
    adds = new and job.kind.accepts_new_styles
    known = base.styles if base is not None and adds else []
    asked = [(style, found) for style, found in job.styles if style.name not in known]
    read = [image_io.load(found.path, max_megapixels=job.max_megapixels) for _, found in asked]
    for note in (note for one in read for note in one.notes):
        record.warn(note)
    styles = [
        StylePicture(style.name, one.rgb, 1.0, style.scale, alpha=one.alpha)
        for (style, _), one in zip(asked, read, strict=True)
    ]
    more: dict[str, Any] = {}
    if base is not None and adds:
        if base.method == "adain":
            raise ValueError(f"base={base.path} is of method=adain, which takes any style without a training")
        trained = io.load(base.path)
        more["before"] = (trained.network, trained.styles)
    return job.method(styles=styles, **more), adds


def _warn(job: NetworkJob, record: Record) -> None:
    """Say what is not as it was asked for."""
    photographs = [one.warning() for one in (job.photographs, job.photographs.styles) if one]
    for warning in (
        *photographs,
        *(found.warning for _, found in job.styles),
        job.objective.backbone.source["warning"],
    ):
        if warning is not None:
            record.warn(warning)


def _check_same(base: BaseNetwork, job: NetworkJob, method: NetworkMethod, record: Record) -> None:
    if base.batches is None:
        raise ValueError(f"base={base.path} is a trained network and holds no training; give its run's {NAME}")
    if base.method != method.name:
        raise ValueError(f"base={base.path} is of method={base.method}, not {method.name}; type the same method")
    if base.styles != method.style_names:
        raise ValueError(
            f"base={base.path} learned {', '.join(base.styles)}, not {', '.join(method.style_names)}; "
            f"only method=multistyle takes new styles"
        )
    if other := job.choices.differing(base.config, SAME):
        record.warn(f"the training that is resumed had other choices for {', '.join(other)}: it goes on with these")


def _preview_content(job: NetworkJob, stride: int) -> Tensor:
    """Return the photograph of the previews, (1, 3, H, W), its edges multiples of the network's stride."""
    _, found = job.content
    image = image_io.load(found.path, max_megapixels=job.max_megapixels).rgb
    height, width = image_io.fit(image_io.size_of(image), job.options.preview_size, by="longest")
    return image_io.resize(image, (max(2, height // stride) * stride, max(2, width // stride) * stride))


@torch.no_grad()
def _save(job: NetworkJob, module: NetworkModule, content: Tensor, held: HeldOut, pictures: int) -> None:
    """Write the network as it is now, its model card, and what it makes of the photograph, styles side by side."""
    module.cpu()
    about = {**module.about, "keeps": module.method.statistics()}
    state = module.network.state_dict()
    for name in (FILE, SHARED):
        io.save(job.folder / name, state, about)
    losses = {name: float(value) for name, value in module.last_losses.items()}
    card = model_card.text(
        about, steps=module.trainer.global_step, pictures=pictures, losses=losses, held_out=held.losses
    )
    write(job.folder / model_card.FILE, card.encode())
    painted = [picture.float() for picture in module.method.preview(content).values()]
    image_io.save(torch.cat(painted, dim=3), job.folder / "final.png")
