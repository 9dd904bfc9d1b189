"""Measure seconds per step and peak memory: our optimisation beside a plain loop as the field's programs write it.

python scripts/benchmark.py                                        # VGG-19, Adam and L-BFGS, 256, 512 and 1024 px
python scripts/benchmark.py --sizes 256 --backbones squeezenet wavelet --optimizers adam --out outputs/benchmark
python scripts/benchmark.py --time-to-picture --sizes 256 --backbones squeezenet

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
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torchvision
from benchmarks import machine, plot, race
from hydra import compose, initialize_config_dir
from lightning.pytorch import Callback, Trainer
from omegaconf import DictConfig

from nst import build, schedules
from nst.methods import Painting
from nst.methods.stage import Steps
from nst.objective import Objective, Target
from nst.record import _reset_peak, peak_memory
from nst.run import quiet

CONF = Path(__file__).parent.parent / "conf"
PLAIN = {
    "vgg19": torchvision.models.vgg19,
    "vgg16": torchvision.models.vgg16,
    "squeezenet": torchvision.models.squeezenet1_1,
}
NAMES = [*PLAIN, "wavelet", "resnet50", "inception"]
OPTIMIZERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "adam": lambda parameters: torch.optim.Adam(parameters, lr=0.02),
    "lbfgs": lambda parameters: torch.optim.LBFGS(parameters, max_iter=1, history_size=10),
}


def configure(backbone: str, *more: str) -> DictConfig:
    """Compose the configuration of a run."""
    random = [] if backbone == "wavelet" else ["backbone.checkpoint=random"]
    with initialize_config_dir(str(CONF.resolve()), version_base="1.3"):
        cfg = compose("train", [f"backbone={backbone}", *random, *more])
    build.settle(cfg)
    return cfg


SAME = (
    "loss=gram",
    "loss.style.normalize=chw",
    "loss.style.reduction=mean",
    "loss.content.reduction=mean",
    "weights.tv=0",
)
"""The plain loop's losses, in our words."""


class Plain:
    """The field's loop."""

    def __init__(self, backbone: str, cfg: DictConfig, ours: Objective, device: torch.device) -> None:
        self.style, self.content = (dict(cfg.layers[term]) for term in ("style", "content"))
        self.weights = {term: cfg.weights[term] for term in ("style", "content")}
        if backbone not in PLAIN:
            self.features = build.objective(cfg).backbone.to(device)  # no other program has it
            return
        torch.manual_seed(0)
        network = PLAIN[backbone](weights=None).features.eval().requires_grad_(False)
        names = {str(i): str(i) for i in range(len(network))} | _numbers(ours)
        wanted = {names[str(layer)]: str(layer) for layer in (*self.style, *self.content)}
        deepest = max(map(int, wanted))
        self.network, self.wanted = network[: deepest + 1].to(device), wanted
        self.features = self._features

    def _features(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        out = {}
        for i, module in enumerate(self.network):
            x = module(x)
            if str(i) in self.wanted:
                out[self.wanted[str(i)]] = x
        return out

    def gram(self, value: torch.Tensor) -> torch.Tensor:
        """Gram matrix over C H W."""
        _, c, h, w = value.shape
        flat = value.view(c, h * w)
        return flat @ flat.t() / (c * h * w)

    def run(self, content: torch.Tensor, style: torch.Tensor, optimizer: str, steps: int) -> list[float]:
        """Take steps; return the seconds of each."""
        with torch.no_grad():
            grams = {name: self.gram(self.features(style)[name]) for name in self.style}
            kept = {name: self.features(content)[name].clone() for name in self.content}
        image = content.clone().requires_grad_()
        stepper = OPTIMIZERS[optimizer]([image])

        def closure() -> torch.Tensor:
            stepper.zero_grad()
            features = self.features(image)
            losses = [torch.nn.functional.mse_loss(self.gram(features[k]), g) for k, g in grams.items()]
            aims = [torch.nn.functional.mse_loss(features[k], p) for k, p in kept.items()]
            loss = (
                self.weights["style"] * torch.stack(losses).mean() + self.weights["content"] * torch.stack(aims).mean()
            )
            loss.backward()
            return loss

        seconds = []
        for _ in range(steps):
            began = time.perf_counter()
            stepper.step(closure)
            machine.wait(image.device)
            seconds.append(time.perf_counter() - began)
        return seconds


def _numbers(objective: Objective) -> dict[str, str]:
    """Layer -> index of its module, for a network of which our backbone knows the field's names."""
    from nst.backbones.pretrained import aliases

    network = torchvision.models.vgg19(weights=None) if "relu1_1" in objective.backbone.layers else None
    return {} if network is None else {name: node.rpartition(".")[2] for name, node in aliases(network).items()}


class Clock(Callback):
    """Takes the time of every step."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def on_train_batch_start(self, trainer: Trainer, module: Painting, *args: object) -> None:
        """Begin."""
        self.began = time.perf_counter()

    def on_train_batch_end(self, trainer: Trainer, module: Painting, *args: object) -> None:
        """End."""
        machine.wait(module.device)
        self.seconds.append(time.perf_counter() - self.began)


def ours(
    cfg: DictConfig, objective: Objective, content: torch.Tensor, style: torch.Tensor, optimizer: str, steps: int
) -> list[float]:
    """Take the same steps by Lightning; return the seconds of each."""
    module = Painting(
        content.cpu(),
        content.cpu(),
        [Target(style.cpu())],
        objective=objective,
        optimizer=OPTIMIZERS[optimizer],
        scheduler=schedules.constant,
        space="image",
        first_step=0,
        steps=steps,
    )
    clock = Clock()
    trainer = build.trainer(cfg, Path(), [], [clock], steps)
    trainer.fit(module, Steps(steps))
    return clock.seconds


def measured(run: Callable[[], list[float]], device: torch.device) -> tuple[list[float], int]:
    """Return the seconds of all steps but the first, and the bytes that the run took at its peak."""
    before = machine.held(device)
    _reset_peak()
    seconds = run()[1:]
    return seconds, peak_memory() - before


def row(
    backbone: str, size: int, optimizer: str, options: argparse.Namespace, rates: dict[str, float]
) -> dict[str, object]:
    """Measure one row of the table."""
    device = machine.device()
    cfg = configure(backbone, *SAME)
    objective = build.objective(cfg)
    flops = machine.operations(objective.backbone, size)
    plain = Plain(backbone, cfg, objective, device)
    generator = torch.Generator().manual_seed(0)
    content, style = (torch.rand(1, 3, size, size, generator=generator).to(device) for _ in range(2))
    one, two, peaks, ratios = [], [], ([], []), []
    for _ in range(options.turns):
        theirs, peak = measured(lambda: plain.run(content, style, optimizer, options.steps + 1), device)
        mine, own = measured(lambda: ours(cfg, objective, content, style, optimizer, options.steps + 1), device)
        one, two = one + theirs, two + mine
        peaks[0].append(peak), peaks[1].append(own)
        ratios.append(statistics.median(mine) / statistics.median(theirs))
    return {
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
    cells = [row["backbone"], row["size"], row["optimizer"], f"{row['plain_seconds_per_step']:.3f}", f"{ours:.3f}"]
    cells += [f"{row['ratio']:.2f}", f"{floor:.3f}", f"{ours / floor:.2f}"]
    cells += [f"{row[key] / 1e6:.0f}" for key in ("plain_peak_bytes", "peak_bytes")]
    return "".join(f"{cell:>{width}}" for cell, width in zip(cells, COLUMNS.values(), strict=True))


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[256, 512, 1024], help="edges of the picture, pixels")
    parser.add_argument("--backbones", nargs="+", default=["vgg19"], choices=NAMES)
    parser.add_argument("--optimizers", nargs="+", default=list(OPTIMIZERS), choices=list(OPTIMIZERS))
    parser.add_argument("--steps", type=int, default=4, help="steps measured in a turn; one more warms up")
    parser.add_argument("--turns", type=int, default=3, help="turns of each of the two")
    parser.add_argument("--threads", type=int, default=None, help="of torch; all cores where not given")
    parser.add_argument("--checkpoint", default="random", help="with --time-to-picture: the network's weights")
    parser.add_argument("--time-to-picture", action="store_true", help="seconds to what 500 plain steps of Adam reach")
    parser.add_argument("--plain-steps", type=int, default=500, help="with --time-to-picture")
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
