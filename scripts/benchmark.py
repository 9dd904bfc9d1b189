"""Measure seconds per step and peak memory: our optimisation beside a plain loop as the field's programs write it.

python scripts/benchmark.py                                        # VGG-19, Adam and L-BFGS, 256, 512 and 1024 px
python scripts/benchmark.py --sizes 256 --backbones squeezenet wavelet --optimizers adam --out outputs/benchmark
python scripts/benchmark.py --time-to-picture --sizes 256 --backbones squeezenet
python scripts/benchmark.py --best --sizes 512 1024 2048 --backbones vgg19 squeezenet wavelet --steps 20    # a GPU

The plain loop: the network as torchvision gives it (in-place ReLUs, NCHW, float32), Gram matrices divided by C H W,
mean squared errors, one evaluation a step. Ours: the same layers, losses and optimisers, run by Lightning with what
`python train.py` chooses on this device. The weights are random (seeded): for the arithmetic that is all the same.
The two take turns in one process: a ratio holds on a machine that others use as well. The floor is the network's
counted operations, forward and as many backward, over the matrix rate measured here in the precision that ours takes.

It writes `benchmark.json` (one row for each backbone, size and optimiser), `machine.json` and `benchmark.svg`.
"""

import argparse
import json
import platform
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nst  # noqa: F401 - before torch: it says how threads wait

# isort: split
import torch
from benchmarks import loops, machine, plot, race
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig

from nst.config import instantiate
from nst.config.compose import node as to_node
from nst.config.compose import plain as to_plain
from nst.experiment.record import peak_memory, reset_peak_memory
from nst.experiment.run import quiet

CONF = Path(__file__).parent.parent / "conf"
NAMES = [*loops.PLAIN, "small_vgg19", "wavelet", "resnet50", "inception"]


def configure(backbone: str, *more: str) -> DictConfig:
    """Compose the configuration of a run."""
    random = [] if backbone == "wavelet" else ["backbone.checkpoint=random"]
    with initialize_config_dir(str(CONF.resolve()), version_base="1.3"):
        cfg = compose("train", [f"backbone={backbone}", "name=benchmark", *random, *more])
    return to_node(instantiate.settled(to_plain(cfg)))


def measured(run: Callable[[], list[float]], device: torch.device) -> tuple[list[float], int]:
    """Return the seconds of all steps but the first, and the bytes that the run took at its peak."""
    before = machine.held(device)
    reset_peak_memory()
    seconds = run()[1:]
    return seconds, (peak_memory() or 0) - before


def row(
    backbone: str, size: int, optimizer: str, options: argparse.Namespace, rates: dict[str, float]
) -> dict[str, object]:
    """Measure one row of the table."""
    device = machine.device()
    cfg = configure(backbone, *loops.SAME)
    objective = instantiate.objective(cfg).for_edge(size)
    flops = machine.operations(objective.backbone, size)
    plain = loops.Plain(backbone, cfg, objective, device)
    generator = torch.Generator().manual_seed(0)
    content, style = (torch.rand(1, 3, size, size, generator=generator).to(device) for _ in range(2))
    one, two, peaks, ratios = [], [], ([], []), []
    for _ in range(options.turns):
        theirs, peak = measured(lambda: plain.run(content, style, optimizer, options.steps + 1), device)
        mine, own = measured(lambda: loops.ours(cfg, objective, content, style, optimizer, options.steps + 1), device)
        one, two = one + theirs, two + mine
        peaks[0].append(peak), peaks[1].append(own)
        ratios.append(statistics.median(mine) / statistics.median(theirs))
    best = _best(backbone, cfg, objective, content, style, optimizer, options) if options.best else {}
    if best:
        best["best_ratio"] = statistics.median(two) / best["best_seconds_per_step"]
    return best | {
        "backbone": backbone,
        "size": size,
        "optimizer": optimizer,
        "seconds_per_step": statistics.median(two),
        "peak_bytes": max(peaks[1]),
        "plain_seconds_per_step": statistics.median(one),
        "plain_peak_bytes": max(peaks[0]),
        "ratio": statistics.median(ratios),
        "floor_seconds": 2 * flops / rates["bfloat16" if "bf16" in cfg.trainer.precision else "float32"],
    }


def _best(
    backbone: str,
    cfg: DictConfig,
    objective: Any,
    content: torch.Tensor,
    style: torch.Tensor,
    optimizer: str,
    options: argparse.Namespace,
) -> dict[str, float]:
    """Measure the best plain loop, in as many turns."""
    loop = loops.Best(backbone, cfg, objective, content.device)
    seconds = [one for _ in range(options.turns) for one in loop.run(content, style, optimizer, options.steps)]
    return {"best_seconds_per_step": statistics.median(seconds)}


COLUMNS = {
    "backbone": 10,
    "px": 6,
    "optimizer": 10,
    "plain s": 10,
    "ours s": 9,
    "ratio": 7,
    "floor s": 9,
    "over floor": 11,
    "plain MB": 9,
    "ours MB": 8,
}
"""Of the printed table, and their widths."""


def line(row: dict[str, Any]) -> str:
    """Return a row of the printed table."""
    ours, floor = row["seconds_per_step"], row["floor_seconds"]
    cells = [row["backbone"], row["size"], row["optimizer"], f"{row['plain_seconds_per_step']:.4f}", f"{ours:.4f}"]
    cells += [f"{row['ratio']:.2f}", f"{floor:.4f}", f"{ours / floor:.2f}"]
    cells += [f"{row[key] / 1e6:.0f}" for key in ("plain_peak_bytes", "peak_bytes")]
    text = "".join(f"{cell:>{width}}" for cell, width in zip(cells, COLUMNS.values(), strict=True))
    best = row.get("best_seconds_per_step")
    return text if best is None else f"{text}   best plain {best:.4f} s, ratio {row['best_ratio']:.2f}"


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[256, 512, 1024], help="edges of the picture, pixels")
    parser.add_argument("--backbones", nargs="+", default=["vgg19"], choices=NAMES)
    parser.add_argument("--optimizers", nargs="+", default=list(loops.OPTIMIZERS), choices=list(loops.OPTIMIZERS))
    parser.add_argument("--steps", type=int, default=4, help="steps measured in a turn; one more warms up")
    parser.add_argument("--turns", type=int, default=3, help="turns of each of the two")
    parser.add_argument("--threads", type=int, default=None, help="of torch; all cores where not given")
    parser.add_argument("--best", action="store_true", help="also the best plain loop: bfloat16, compiled")
    parser.add_argument("--checkpoint", default="random", help="with --time-to-picture: the network's weights")
    parser.add_argument("--time-to-picture", action="store_true", help="seconds to what a plain loop reaches")
    race_only = "with --time-to-picture: "
    parser.add_argument("--plain-steps", type=int, default=500, help=race_only + "of the plain loop's Adam")
    parser.add_argument(
        "--plain-evaluations", type=int, default=0, help=race_only + "of the plain loop's L-BFGS; 0: without it"
    )
    parser.add_argument(
        "--rates", type=float, nargs="+", default=[0.004, 0.02], help=race_only + "of the plain loop's Adam, of [0, 1]"
    )
    parser.add_argument(
        "--ways", nargs="+", default=list(race.WAYS), choices=list(race.WAYS), help=race_only + "those that run"
    )
    parser.add_argument(
        "--patience", type=float, default=0.5, help=race_only + "share of the plain seconds after which one is given up"
    )
    parser.add_argument("--out", type=Path, default=Path("outputs/benchmark"), help="folder of the results")
    return parser.parse_args()


def main() -> None:
    """Print the table and write the files."""
    options = parse()
    quiet()
    if options.threads:
        torch.set_num_threads(options.threads)
    options.out.mkdir(parents=True, exist_ok=True)
    rates = machine.rates(machine.device())
    about = machine.about() | {"flop_per_second": rates, "python": platform.python_version()}
    (options.out / "machine.json").write_text(json.dumps(about, indent=2) + "\n")
    print(", ".join(f"{key} {value}" for key, value in about.items() if key != "flop_per_second"))
    print("matrix rate: " + ", ".join(f"{name} {rate / 1e9:.0f} GFLOP/s" for name, rate in rates.items()))
    if options.time_to_picture:
        race.run(options, configure)
        return
    rows = []
    print("".join(f"{word:>{width}}" for word, width in COLUMNS.items()))
    for backbone in options.backbones:
        for size in options.sizes:
            for optimizer in options.optimizers:
                rows.append(one := row(backbone, size, optimizer, options, rates))
                print(line(one), flush=True)
                (options.out / "benchmark.json").write_text(json.dumps(rows, indent=2) + "\n")
    (options.out / "benchmark.svg").write_text(plot.bars(rows))


if __name__ == "__main__":
    main()
