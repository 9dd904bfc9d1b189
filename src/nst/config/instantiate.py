"""From a configuration to built objects, in one place and once."""

from collections.abc import Mapping, Sequence
from functools import partial as bound
from pathlib import Path
from typing import Any

from hydra.errors import InstantiationException
from hydra.utils import get_class, instantiate
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.callbacks import ProgressBar
from lightning.pytorch.loggers import Logger
from omegaconf import DictConfig, OmegaConf

from nst.callbacks import Checkpoint, Snapshots
from nst.config.invocation import Invocation
from nst.config.job import Choices, FilmJob, ImageJob, LoggerOptions, NetworkJob
from nst.config.training_options import TrainingOptions
from nst.data.download import Download
from nst.data.library import ImageSource, find
from nst.losses import Content, Earlier, Gram, MeanCovariance, SlicedWasserstein, Term
from nst.methods import FilmMethod, FilmOptions, ImageMethod
from nst.methods.parametrization import SPACES
from nst.metrics import FIGURES
from nst.metrics.judge import Judge
from nst.metrics.panel import Network
from nst.multiscale import MultiscaleObjective
from nst.objective import Objective
from nst.optim.optimization import Optimization
from nst.tiling.plan import images_kept
from nst.utils import devices
from nst.utils.errors import check_choice

HYPERPARAMETERS = (
    "backbone", "color", "content", "init", "layers", "loss", "method", "optimizer", "pyramid", "scheduler", "style",
)  # fmt: skip
"""Groups that TensorBoard's HParams compares: the same for every run."""
WEIGHTS = ("content", "style", "tv")
"""Losses whose weights it compares."""


def job(config: DictConfig, invocation: Invocation, choices: Choices) -> ImageJob | NetworkJob:
    """Build everything that a job is made of.

    Args:
        config: Resolved and checked.
        invocation: How the job was asked for.
        choices: For the record.

    Raises:
        ValueError: A value is out of range, or a picture or checkpoint can't be used.
        OSError: A picture or checkpoint can't be had.
    """
    download: Download = build(config.download)
    content = ImageSource(**_plain(config.content), name=invocation.choice("content"))
    asked = styles(_plain(config.style))
    shown = [source for source in ("content", "style") if invocation.shows(source)]
    shared: dict[str, Any] = {
        "invocation": invocation,
        "choices": choices,
        "content": (content, find(content, download)),
        "styles": [(style, find(style, download)) for style in asked],
        "trainer": bound(trainer, config, invocation.folder, shown=shown),
        "loggers": loggers(config, invocation, content=content, styles=asked),
        "minimize": _plain(config)["minimize"],
        "max_megapixels": config.max_megapixels,
    }
    kind = get_class(config.method._target_)
    return _image_job(config, shared) if issubclass(kind, ImageMethod) else _network_job(config, kind, shared)


def _image_job(config: DictConfig, shared: dict[str, Any]) -> ImageJob:
    losses = objective(config)
    several = "strategy" in config.trainer  # each process holds the picture: there is no state of one to go on from
    painting = method(config, objective=losses)
    more: dict[str, Any] = {}
    if "film" in config:
        if several:
            raise ValueError("method=film paints on one device; leave trainer=ddp out")
        options: FilmOptions = build(config.film, _convert_="all")
        more["film"] = FilmMethod(painting, options)
    return (FilmJob if more else ImageJob)(
        **shared,
        **more,
        color=build(config.color),
        objective=losses,
        method=painting,
        output=config.output,
        depth=config.depth,
        judge=judge(config),
        timelapse=build(config.timelapse) if config.timelapse else None,
        checkpoint=partial(config.checkpoint) if config.checkpoint and not several else None,
        device=devices.device_type(config.trainer.accelerator),
        threads=config.threads,
    )


def _network_job(config: DictConfig, kind: Any, shared: dict[str, Any]) -> NetworkJob:
    if not config.data:
        raise ValueError("a network learns from photographs: give data=samples, or data=folder data.path=FOLDER")
    if config.scales != 1:
        raise ValueError(
            f"scales={config.scales} is for pictures, method=image; a network learns at one size: give scales=1"
        )
    options: TrainingOptions = build(config.training)
    losses = objective(config)
    gains = options.gain(list(config.loss))
    for name, term in losses.named():
        term.weight *= gains.get(name, 1.0)
    return NetworkJob(
        **shared,
        objective=losses,
        method=bound(
            partial(config.method),
            objective=losses,
            optimization=Optimization(partial(config.optimizer), partial(config.scheduler), config.steps),
        ),
        kind=kind,
        photographs=build(config.data),
        options=options,
        seed=config.seed,
        base=config.base,
        resumes=config.resume is not None,
        accumulate=config.trainer.accumulate_grad_batches,
    )


def build(node: DictConfig, **more: Any) -> Any:
    """Build what a node names, and let its own error through instead of Hydra's wrapping."""
    try:
        return instantiate(node, **more)
    except InstantiationException as error:
        if isinstance(error.__cause__, Exception):
            raise error.__cause__ from None
        raise


def partial(node: DictConfig) -> Any:
    """Return the node's target with its options filled in, to be called later; lists are lists, not OmegaConf's."""
    return build(node, _partial_=True, _convert_="all")


OWN = ("path", "weight", "scale", "mask")
"""The words below `style` that are no picture's name."""


def styles(plain: Mapping[str, Any]) -> list[ImageSource]:
    """Return the named styles; `style.path`, a file or a list of files, takes their place.

    Args:
        plain: The configuration's `style`: one entry for each named picture, and `path`, `weight`, `scale` and `mask`
            for the only one, or lists of them for a list of files.

    Raises:
        ValueError: It is not clear which picture is meant, or a file is named twice.
    """
    named = {name: fields for name, fields in plain.items() if name not in OWN}
    given = {word: plain[word] for word in OWN if plain[word] is not None}
    if not named and "path" not in given:
        raise ValueError("style=[] names no style; give one, or style.path=FILE")
    if isinstance(given.get("path"), list):
        return _listed(**given)
    if given and len(named) != 1:
        word, names = min(given), ", ".join(named)
        raise ValueError(f"style.{word}={given[word]} could stand for any of {names}; give style.<name>.{word}=")
    if lists := [word for word, value in given.items() if isinstance(value, list)]:
        raise ValueError(f"style.{lists[0]} is a list, but style.path is none; give one value, or a list of files")
    return [ImageSource(**{**fields, **given, "name": name}) for name, fields in named.items()]


def _listed(path: list[str], **given: Any) -> list[ImageSource]:
    if not path:
        raise ValueError("style.path is an empty list; give a file")
    for word, values in given.items():
        if not isinstance(values, list) or len(values) != len(path):
            raise ValueError(f"style.{word} is {values}, but style.path lists {len(path)} files; give as many")
    twice = [one for one in path if path.count(one) > 1]
    if twice:
        raise ValueError(f"style.path names {twice[0]} twice; name it once and give it a weight in style.weight=[...]")
    rows = [{word: values[i] for word, values in given.items() if values[i] is not None} for i in range(len(path))]
    names = [Path(one).stem for one in path]
    return [
        ImageSource(name=name if names.count(name) == 1 else one, path=one, **row)
        for name, one, row in zip(names, path, rows, strict=True)
    ]


def objective(config: DictConfig) -> Objective:
    """Build the terms that have a weight, and the backbone that gives their layers."""
    terms: dict[str, Term] = {}
    from_edge: dict[str, int] = {}
    for name, node in config.loss.items():
        weight = config.weights.get(name, 0)
        if weight == 0:
            continue
        layers, edges = named_layers({str(key): share for key, share in (config.layers.get(name) or {}).items()})
        from_edge |= edges
        terms[str(name)] = term = _loss(str(name), node, layers=layers, weight=weight)
        if not term.layers:
            raise ValueError(
                f"weights.{name} is {weight:g} but layers.{name} is empty; name a layer or set the weight to 0"
            )
    if "film" in config and config.film.earlier > 0:
        terms["earlier"] = Earlier(layers={"image": 1.0}, weight=config.film.earlier)
    if not terms:
        raise ValueError("every weight is 0, so there is nothing to optimise; give weights.style= or weights.content=")
    wanted = dict.fromkeys(layer for term in terms.values() for layer in term.layers)
    names = [layer for layer in wanted if layer not in ("image", "input")]
    backbone = build(config.backbone, layers=names)
    shared = {"backbone": backbone, "terms": terms, "cut": config.tiles, "from_edge": from_edge}
    if "space" in config.method:
        space = check_choice("method.space", config.method.space, SPACES)
        shared["images"] = images_kept(states=_states(config.optimizer), space=space)
    out = Objective(**shared) if config.scales == 1 else MultiscaleObjective(scales=config.scales, **shared)
    return out.for_edge(config.training.crop) if "training" in config else out


def named_layers(given: Mapping[str, float]) -> tuple[dict[str, float], dict[str, int]]:
    """Return layer -> weight, and layer -> the least shorter edge of pictures that have it, pixels.

    `y4_from_600` is the layer y4 of pictures with a shorter edge of 600 pixels or more. A layer that is given by its
    plain name too is one of all pictures.
    """
    layers: dict[str, float] = {}
    from_edge: dict[str, int] = {}
    for key, share in given.items():
        layer, found, edge = key.rpartition("_from_")
        if not (found and edge.isdecimal()):
            layers[key] = share
        elif layer not in given:
            layers[layer], from_edge[layer] = share, int(edge)
    return layers, from_edge


def _states(optimizer: DictConfig) -> float:
    """Count what an optimiser keeps of the size of its parameter."""
    name = optimizer._target_.rpartition(".")[2]
    if name == "LBFGS":
        return 2 * float(optimizer.get("history_size", 100)) + 6
    if name == "SGD":
        return float(bool(optimizer.get("momentum")))
    return 3.0 if optimizer.get("amsgrad") else 2.0


def _loss(name: str, node: DictConfig, *, layers: dict[str, float], weight: float) -> Term:
    """Build a loss. Its errors start with the name of an argument; here that becomes the full name of the option."""
    try:
        term: Term = build(node, layers=layers, weight=weight)
    except ValueError as error:
        option = str(error).partition(" ")[0].partition(".")[0]
        group = {"weight": f"weights.{name}", "layers": f"layers.{name}"}
        place = group.get(option, f"loss.{name}.{option}" if option in node else f"loss.{name}: {option}")
        raise ValueError(f"{place}{str(error).removeprefix(option)}") from None
    return term


def judge(config: DictConfig) -> Judge | None:
    """Build the judge: its network with the terms `style` and `content`, both relative, over its own layers."""
    if not config.judge:
        return None
    style, content = _judged_layers(config)
    terms = {
        "style": Gram(layers=style, normalize="hw", **RELATIVE),
        "content": Content(layers=content, **RELATIVE),
    }
    own = OmegaConf.masked_copy(config.judge, [key for key in config.judge if key not in ("network", "layers")])
    made: Judge = build(own, objective=_judging(config, terms))
    return made


def panel_network(config: DictConfig, name: str) -> Network:
    """Build the judge's network with the terms of a `Panel`, over the judge's layers."""
    style, content = _judged_layers(config)
    terms = {
        "gram": Gram(layers=style, normalize="hw", **RELATIVE),
        "moments": MeanCovariance(layers=style, weight=1.0),
        "sliced": SlicedWasserstein(layers=style, projections=32, positions=2048, **RELATIVE),
        "content": Content(layers=content, **RELATIVE),
    }
    return Network(name, _judging(config, terms), next(iter(content)))


RELATIVE: dict[str, Any] = {"weight": 1.0, "reduction": "relative", "layer_reduction": "mean"}


def _judged_layers(config: DictConfig) -> tuple[dict[str, float], dict[str, float]]:
    """Layer -> weight, of the style and of the content."""
    layers = config.judge.layers
    style, content = ({str(name): share for name, share in layers[term].items()} for term in ("style", "content"))
    return style, content


def _judging(config: DictConfig, terms: Mapping[str, Term]) -> Objective:
    wanted = dict.fromkeys(layer for term in terms.values() for layer in term.layers)
    try:
        backbone = build(config.judge.network, layers=list(wanted))
    except (OSError, ValueError) as error:  # its remedies name the options of the picture's own backbone
        remedy = str(error).replace("backbone=wavelet", "judge=wavelet").replace("backbone.", "judge.network.")
        raise type(error)(f"judge={config.judge.name}: {remedy}") from None
    return Objective(backbone=backbone, terms=terms)


def settled(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a plain configuration in which `auto` is replaced by what it stands for on this machine."""
    node, network = config["trainer"], config["backbone"].get("_target_") == "nst.backbones.Pretrained"
    if not {"precision", "accelerator"} <= node.keys():
        return {**config}  # `validate.check` refuses it
    precision = devices.precision(str(node["precision"]), network=network, accelerator=str(node["accelerator"]))
    return {**config, "trainer": {**node, "precision": precision}}


def trainer(
    config: DictConfig,
    folder: Path,
    steps: int,
    logs: list[Logger],
    more: list[Callback],
    *,
    shown: Sequence[str] = ("content", "style"),
) -> Trainer:
    """Build a trainer for one stage; every stage has callbacks of its own.

    Args:
        config: Of the job.
        folder: The run's own.
        steps: Of the optimiser.
        logs: Where curves and pictures go.
        more: Callbacks beside those of the configuration.
        shown: Of content and style, what the log gets a picture of.
    """
    callbacks = [*(build(node) for node in config.callbacks.values() if node), *more]
    for callback in callbacks:
        if isinstance(callback, Snapshots):
            callback.sources = list(shown)
    callbacks.sort(key=lambda callback: not isinstance(callback, Checkpoint))  # it comes first, the rest as they are
    made: Trainer = build(
        config.trainer,
        max_steps=steps,
        max_epochs=-1,
        callbacks=callbacks,
        enable_progress_bar=any(isinstance(callback, ProgressBar) for callback in more),
        logger=logs,
        default_root_dir=str(folder),
    )
    return made


def method(config: DictConfig, **more: Any) -> Any:
    """Build the image method from its collaborators."""
    return build(
        config.method,
        levels=build(config.pyramid),
        optimizer=partial(config.optimizer),
        scheduler=partial(config.scheduler),
        init=partial(config.init),
        seed=config.seed,
        cuda_graph=config.get("cuda_graph", "off"),  # a recipe of a version without it
        **more,
    )


def loggers(
    config: DictConfig, invocation: Invocation, *, content: ImageSource, styles: Sequence[ImageSource]
) -> LoggerOptions:
    """Return what the loggers are built from, and what they are told of the run: of pictures, those that are used."""
    fixed: dict[str, Any] = {group: invocation.choice(group) for group in HYPERPARAMETERS}
    fixed |= {"content": content.used, "style": "+".join(style.used for style in styles)}
    fixed |= {"lr": config.optimizer.lr, "seed": config.seed, "size": config.size, "steps": config.steps}
    fixed |= {f"weight_{name}": float(config.weights.get(name, 0)) for name in WEIGHTS}
    known = {"optimizer.lr": "lr"} | {f"weights.{name}": f"weight_{name}" for name in WEIGHTS}
    swept = {
        known.get(key, key): invocation.choice(key) if key in invocation.choices else _cell(config, key)
        for key in invocation.swept
    }
    judged = [f"result/judge/{name}" for name in FIGURES] if config.judge else []
    finals = ["result/loss", *(f"result/{name}" for name in config.loss), *judged]
    return LoggerOptions(
        factories=[partial(node) for node in config.logger.values() if node],
        choices=fixed | swept,
        metrics=[*finals, "result/seconds", "result/peak_memory_gb"],
        label=invocation.label,
        group=invocation.group,
    )


def _cell(config: DictConfig, key: str) -> int | float | str:
    """Return an option's value, as text where a table has no cell for it."""
    value = OmegaConf.select(config, key)
    return value if isinstance(value, int | float | str) else str(value)


def _plain(node: DictConfig) -> dict[str, Any]:
    plain: dict[str, Any] = OmegaConf.to_container(node, resolve=True)  # type: ignore[assignment]
    return plain
