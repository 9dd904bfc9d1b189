"""Check a composed configuration before anything is built or any picture is touched."""

import sys
from collections.abc import Mapping
from typing import Any

from nst import kernels
from nst.config.invocation import Invocation, listed
from nst.metrics.judge import check_minimize
from nst.tiling.plan import check_cut
from nst.utils import extras, typecheck
from nst.utils.devices import device_type
from nst.utils.errors import nearest

TOP_LEVEL = {
    "size": int,
    "steps": int,
    "seed": int,
    "style_scale": float,
    "scales": int,
    "tiles": str | int,
    "name": str,
    "max_megapixels": float,
    "output": str,
    "depth": int,
    "threads": int | None,
    "keep_memory": bool,
    "cuda_graph": str,
    "kernels": str | bool,
    "minimize": str | list[str],
    "reproduce": str | None,
    "resume": str | None,
    "base": str | None,
}
"""The top-level options that are no group, and their types."""

NEEDED = {
    **{group: f"{group}=none" for group in ("judge", "timelapse", "checkpoint", "logger", "callbacks", "color")},
    **{
        "scheduler": "scheduler=constant",
        "pyramid": "pyramid=none",
        "download": "download=default",
    },
    **{key: f"{key}=, another option of it" for key in ("content", "style", "backbone", "layers", "loss", "weights")},
    **{key: f"{key}=, another option of it" for key in ("init", "optimizer", "trainer", "method")},
    **{key: f"{key}=null, or leave it as it is" for key in TOP_LEVEL},
}
"""Top-level key -> what to type instead of taking it out."""

MOST_THREADS = 1024  # with many more OpenMP ends the process without a word


def check(config: Mapping[str, Any], invocation: Invocation) -> None:
    """Refuse a value of a wrong type or out of range, and a top-level option that nothing reads.

    Args:
        config: Resolved and plain.
        invocation: How the job was asked for.

    Raises:
        ValueError: One line: the option, what was got, what was expected.
    """
    for group, instead in NEEDED.items():
        if group not in config:
            raise ValueError(f"~{group} takes out what a run reads; give {instead}")
    for key in ("accelerator", "precision"):
        if isinstance(config["trainer"], Mapping) and key not in config["trainer"]:
            raise ValueError(f"~trainer.{key} takes out what a run reads; give trainer.{key}=auto")
    if not isinstance(got := config["weights"], Mapping):
        raise ValueError(f"weights is {got!r}, but a loss brings its own weights: give loss=, or weights.<term>=")
    for key, value in config.items():
        if key not in TOP_LEVEL and not isinstance(value, Mapping):
            raise ValueError(
                f"there is no option {key}; nearest: {', '.join(nearest(str(key), config.keys() - {key}))}"
            )
    for key, kind in TOP_LEVEL.items():
        typecheck.check_value(key, config[key], kind)
    for logger in config["logger"]:
        extras.require(f"logger={logger}")
    typecheck.check(config)
    _check_ranges(config)
    _check_several_devices(config, invocation)
    listed(invocation.overrides, "style")
    check_minimize(config["minimize"])
    check_cut(config["tiles"])
    kernels.check(config["kernels"])
    _check_losses(config)


def _check_ranges(config: Mapping[str, Any]) -> None:
    """Refuse what no annotation can: a number out of range, a value where something is to be built."""
    if not 0 <= config["seed"] < 2**32:
        raise ValueError(f"seed is {config['seed']}; give a number from 0 to {2**32 - 1}")
    if config["threads"] is not None and not 1 <= config["threads"] <= MOST_THREADS:
        raise ValueError(
            f"threads is {config['threads']}; give 1 up to {MOST_THREADS}, or null for this job's share of the cores"
        )
    if str(precision := config["trainer"]["precision"]).startswith("16"):
        raise ValueError(
            f"trainer.precision={precision} lets gradients overflow now and then, which looks like a diverged picture; "
            f"give bf16-mixed, or 32-true"
        )
    if config["depth"] not in (8, 16):
        raise ValueError(f"depth is {config['depth']}; give 8, or 16 for a TIFF of 16 bits beside final.png")
    if config["optimizer"].get("line_search_fn") not in (None, "strong_wolfe"):
        got = config["optimizer"]["line_search_fn"]
        raise ValueError(f"optimizer.line_search_fn is {got!r}; give strong_wolfe or null")
    for group in ("callbacks", "logger"):
        for name, node in config[group].items():
            if node and not isinstance(node, Mapping):
                raise ValueError(f"{group}.{name} is {node!r}; give its options, or null to leave it out")


def _check_several_devices(config: Mapping[str, Any], invocation: Invocation) -> None:
    devices, nodes = config["trainer"].get("devices", 1), config["trainer"].get("num_nodes", 1)
    if config["trainer"].get("strategy") in (None, "auto"):
        if (devices not in (1, "1", "auto", None) and devices not in ([0], "0,", "0")) or nodes not in (1, None):
            raise ValueError(
                f"trainer.devices={devices!r} needs trainer=ddp: type trainer=ddp trainer.devices={devices!r} "
                f"(or trainer.devices=1)"
            )
        return
    strategy = config["trainer"]["strategy"]
    backend = strategy.get("process_group_backend") if isinstance(strategy, Mapping) else None
    if sys.platform == "win32" and not backend and device_type(str(config["trainer"]["accelerator"])) == "cuda":
        more = "+trainer.strategy.process_group_backend=gloo"
        raise ValueError(f"trainer=ddp speaks NCCL between GPUs, which PyTorch for Windows lacks; add {more}")
    if config["resume"]:
        raise ValueError(
            f"trainer=ddp begins anew and takes no resume=; a network goes on by its own command with "
            f"base={config['resume']}"
        )
    if invocation.in_sweep:
        raise ValueError("trainer=ddp is for one picture on many devices; a sweep runs many pictures: leave it out")


def _check_losses(config: Mapping[str, Any]) -> None:
    names = ", ".join(config["loss"])
    for group in ("weights", "layers"):
        if unknown := set(config[group]) - set(config["loss"]):
            raise ValueError(f"{group}.{min(unknown)} belongs to no loss; the losses are {names}")
    for name, factor in config["method"].get("coarser", {}).items():
        typecheck.check_value(f"method.coarser.{name}", factor, float)
        if name not in config["loss"]:
            raise ValueError(f"method.coarser.{name} belongs to no loss; the losses are {names}")
    for name, weight in config["weights"].items():
        typecheck.check_value(f"weights.{name}", weight, float)
    for name, layers in config["layers"].items():
        if not isinstance(layers, Mapping | None):
            raise ValueError(f"layers.{name} is {layers!r}; give layers and their weights: {{<layer>: 1.0}}")
        for layer, weight in (layers or {}).items():
            typecheck.check_value(f"layers.{name}.{layer}", weight, float)
