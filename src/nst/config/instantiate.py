"""From a configuration to objects, explicitly; with `run.py` the only file that knows Hydra and OmegaConf."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import InstantiationException
from hydra.types import RunMode
from hydra.utils import instantiate
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.callbacks import ProgressBar
from lightning.pytorch.loggers import Logger
from omegaconf import DictConfig, OmegaConf

from nst.callbacks import Checkpoint
from nst.data.library import ImageSource
from nst.losses import Content, Gram, Term
from nst.metrics import judge as judging
from nst.objective import Objective
from nst.tiling.plan import check_cut
from nst.utils import devices, typecheck
from nst.utils.errors import nearest

TOP = {
    "size": int,
    "steps": int,
    "seed": int,
    "style_scale": float,
    "tiles": str | int,
    "name": str,
    "max_megapixels": float,
    "output": str,
    "threads": int | None,
    "keep_memory": bool,
    "objective": str | list[str],
    "recipe": str | None,
    "resume": str | None,
    "base": str | None,
}
"""The words at the top level that are no group, and their kinds."""

MOST_THREADS = 1024
"""With many more OpenMP ends the process without a word."""


def check(plain: Mapping[str, Any]) -> None:
    """Refuse a value of a wrong type, and a word at the top level that nothing reads, in one line."""
    for key, value in plain.items():
        if key not in TOP and not isinstance(value, Mapping):
            raise ValueError(f"there is no option {key}; nearest: {', '.join(nearest(str(key), plain.keys() - {key}))}")
    for key, kind in TOP.items():
        typecheck.check_value(key, plain[key], kind)
    typecheck.check(plain)
    _check_nodes(plain)
    listed("style")
    judging.check_objective(plain["objective"])
    check_cut(plain["tiles"])
    if "strategy" in plain["trainer"] and plain["resume"]:
        raise ValueError("a run with trainer=ddp keeps no state to go on from; begin it anew without resume=")
    if "strategy" in plain["trainer"] and HydraConfig.get().mode == RunMode.MULTIRUN:
        raise ValueError("trainer=ddp is for one picture on many devices; a sweep runs many pictures: leave it out")
    if plain["threads"] is not None and not 1 <= plain["threads"] <= MOST_THREADS:
        raise ValueError(
            f"threads is {plain['threads']}; give 1 up to {MOST_THREADS}, or null for this job's share of the cores"
        )
    for group in ("weights", "layers"):
        unknown = set(plain[group]) - set(plain["loss"])
        if unknown:
            raise ValueError(f"{group}.{min(unknown)} belongs to no loss; the losses are {', '.join(plain['loss'])}")
    for name, factor in plain["method"].get("coarser", {}).items():
        typecheck.check_value(f"method.coarser.{name}", factor, float)
        if name not in plain["loss"]:
            raise ValueError(f"method.coarser.{name} belongs to no loss; the losses are {', '.join(plain['loss'])}")
    for name, weight in plain["weights"].items():
        typecheck.check_value(f"weights.{name}", weight, float)
    for name, layers in plain["layers"].items():
        if not isinstance(layers, Mapping | None):
            raise ValueError(f"layers.{name} is {layers!r}; give layers and their weights: {{<layer>: 1.0}}")
        for layer, weight in (layers or {}).items():
            typecheck.check_value(f"layers.{name}.{layer}", weight, float)


def _check_nodes(plain: Mapping[str, Any]) -> None:
    """Refuse what no annotation tells: a number out of bounds, a value where something is to be built."""
    if not 0 <= plain["seed"] < 2**32:
        raise ValueError(f"seed is {plain['seed']}; give a number from 0 to {2**32 - 1}")
    if plain["optimizer"].get("line_search_fn") not in (None, "strong_wolfe"):
        got = plain["optimizer"]["line_search_fn"]
        raise ValueError(f"optimizer.line_search_fn is {got!r}; give strong_wolfe or null")
    for group in ("callbacks", "logger"):
        for name, node in plain[group].items():
            if node and not isinstance(node, Mapping):
                raise ValueError(f"{group}.{name} is {node!r}; give its options, or null to leave it out")


def build(node: DictConfig, **more: Any) -> Any:
    """Build what a node names, and let its own error through instead of Hydra's wrapping."""
    try:
        return instantiate(node, **more)
    except InstantiationException as error:
        if isinstance(error.__cause__, Exception):
            raise error.__cause__ from None
        raise


def partial(node: DictConfig) -> Any:
    """Give the node's target with its options filled in, to be called later; lists are lists, not OmegaConf's."""
    return build(node, _partial_=True, _convert_="all")


OWN = ("path", "weight", "scale", "mask")
"""The words below `style` that are no picture's name."""


def styles(plain: Mapping[str, Any]) -> list[ImageSource]:
    """Give the named styles; `style.path`, a file or a list of files, takes their place.

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


def objective(cfg: DictConfig) -> Objective:
    """Build the terms that have a weight, and the backbone that gives their layers."""
    terms: dict[str, Term] = {}
    for name, node in cfg.loss.items():
        weight = cfg.weights.get(name, 0)
        if weight == 0:
            continue
        layers = {str(layer): share for layer, share in (cfg.layers.get(name) or {}).items()}
        terms[str(name)] = term = _loss(str(name), node, layers=layers, weight=weight)
        if not term.layers:
            raise ValueError(
                f"weights.{name} is {weight:g} but layers.{name} is empty; name a layer or set the weight to 0"
            )
    if not terms:
        raise ValueError("every weight is 0, so there is nothing to optimise; give weights.style= or weights.content=")
    wanted = dict.fromkeys(layer for term in terms.values() for layer in term.layers)
    names = [layer for layer in wanted if layer not in ("image", "input")]
    return Objective(backbone=build(cfg.backbone, layers=names), terms=terms, cut=cfg.tiles)


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


def judge(cfg: DictConfig) -> judging.Judge | None:
    """Build the judge: its network with the terms `style` and `content`, both relative, over its own layers."""
    if not cfg.judge:
        return None
    layers = {term: {str(name): share for name, share in cfg.judge.layers[term].items()} for term in cfg.judge.layers}
    shared: dict[str, Any] = {"weight": 1.0, "reduction": "relative", "layer_reduction": "mean"}
    terms = {
        "style": Gram(layers=layers["style"], normalize="hw", **shared),
        "content": Content(layers=layers["content"], **shared),
    }
    wanted = dict.fromkeys(layer for term in terms.values() for layer in term.layers)
    network = Objective(backbone=build(cfg.judge.network, layers=list(wanted)), terms=terms)
    own = OmegaConf.masked_copy(cfg.judge, [key for key in cfg.judge if key not in ("network", "layers")])
    made: judging.Judge = build(own, objective=network)
    return made


def choice(group: str) -> str:
    """Give the word chosen for a group, as typed; for a list of words, joined by +."""
    one = HydraConfig.get().runtime.choices.get(group)
    return str(one) if one is not None else "+".join(listed(group))  # Hydra notes no choice for a list


def listed(group: str) -> list[str]:
    """Give the words of a group chosen as a list on the command line.

    Raises:
        ValueError: One is there twice; Hydra itself would drop it in silence.
    """
    words: list[str] = []
    for override in OverridesParser.create().parse_overrides(list(HydraConfig.get().overrides.task)):
        if override.key_or_group == group and isinstance(value := override.value(), list):
            words = [str(word) for word in value]
    if twice := [word for word in words if words.count(word) > 1]:
        raise ValueError(f"{group}=[...] names {twice[0]} twice; name it once and set {group}.{twice[0]}.weight=2")
    return words


def settle(cfg: DictConfig) -> None:
    """Put what `auto` stands for here into the configuration, so that the record and the recipe say it."""
    network = cfg.backbone.get("_target_") == "nst.backbones.Pretrained"
    cfg.trainer.precision = devices.precision(
        str(cfg.trainer.precision), network=network, accelerator=str(cfg.trainer.accelerator)
    )


def trainer(cfg: DictConfig, folder: Path, logs: list[Logger], more: list[Callback], steps: int) -> Trainer:
    """Build a trainer for one stage."""
    callbacks = [*(build(node) for node in cfg.callbacks.values() if node), *more]
    callbacks.sort(key=lambda callback: not isinstance(callback, Checkpoint))  # it comes first, the rest as they are
    made: Trainer = build(
        cfg.trainer,
        max_steps=steps,
        max_epochs=-1,
        callbacks=callbacks,
        enable_progress_bar=any(isinstance(callback, ProgressBar) for callback in more),
        logger=logs,
        default_root_dir=str(folder),
    )
    return made


def method(cfg: DictConfig, **more: Any) -> Any:
    """Build the method from its collaborators."""
    return build(
        cfg.method,
        levels=build(cfg.pyramid),
        optimizer=partial(cfg.optimizer),
        scheduler=partial(cfg.scheduler),
        init=partial(cfg.init),
        seed=cfg.seed,
        **more,
    )
