"""Teach the embedded networks what large trained networks see, for painting.

python scripts/gather_photographs.py                     # once: the pictures to learn from
python scripts/distil.py squeezenet                      # SqueezeNet 1.1, taught by ImageNet's
python scripts/distil.py small_vgg19                     # a small network of VGG-19's shape, taught by VGG-19
python scripts/distil.py squeezenet --steps 20 --out /tmp/try.pt

Per layer, the loss is the squared error of the features over the variance of the teacher's. A part of the images is
from along style transfers with the student itself: what an optimisation makes of a photograph is no photograph, and
an optimisation finds every weakness of a network that has not seen its pictures.

SqueezeNet starts from random parameters. At first each layer is computed from the teacher's features of the layer
before (`--parts`), so that deep layers learn from the first step; then from the student's own. The small VGG-19
starts from its teacher, layer by layer, in closed form (`distillation/small_vgg19.py`).

The training can be killed at any time: the same command goes on from `--state`, to the same bits. The same seed and
pictures give the same bits on one machine with one thread.
"""

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nst  # noqa: F401 - before torch: it says how threads wait

# isort: split
import torch
import yaml
from distillation import small_vgg19, squeezenet
from distillation.batches import Fresh, Reused
from distillation.crops import Crops, digest, load
from distillation.paintings import Paintings
from torch import nn

from nst.backbones import weights
from nst.data.download import Download
from nst.utils.files import load_weights_only, replacing

ROOT = Path(__file__).resolve().parents[1]
ASSETS = ROOT / "src" / "nst" / "assets"
WARM_UP = 100  # steps over which the learning rate rises
SAMPLE = 8  # batches that the teacher's variance is measured on
AGE = 40  # steps that a painting is painted at most
STUDENTS: dict[str, dict[str, Any]] = {
    "squeezenet": {
        "teacher": "squeezenet1_1",
        "out": "squeezenet1_1-nst.pt",
        "steps": 2600,
        "batch": 6,
        "painted": 2,
        "crop": 128,
        "rate": 2e-3,
        "parts": 0.35,
    },
    "small_vgg19": {
        "teacher": "vgg19",
        "out": "small_vgg19-nst.pt",
        "steps": 1200,
        "batch": 4,
        "painted": 2,
        "crop": 160,
        "rate": 5e-4,
        "parts": 0.0,
    },
}
"""Student -> its teacher, its file in the package, and the options that the file was trained with."""

COUNTED = ("student", "seed", "steps", "batch", "painted", "crop", "rate", "parts", "kept", "start", "started")
"""Options that the result depends on."""


class Training:
    """The state of a training: student, optimiser, images, and the number of the next step.

    Args:
        given: The options of the command.
        student: Image -> layer -> features.
        teacher: Likewise, frozen.
        crops: Of the pictures to learn from.
        batches: Where images and the teacher's features of them come from.
    """

    def __init__(
        self,
        given: argparse.Namespace,
        student: nn.Module,
        teacher: nn.Module,
        crops: Crops,
        batches: Fresh | Reused,
    ) -> None:
        self.given, self.student, self.teacher, self.batches, self.step = given, student, teacher, batches, 0
        self.optimiser = torch.optim.Adam(student.parameters(), lr=given.rate, betas=(0.9, 0.98))
        self.schedule = torch.optim.lr_scheduler.SequentialLR(
            self.optimiser,
            [
                torch.optim.lr_scheduler.LinearLR(self.optimiser, 0.05, total_iters=WARM_UP),
                torch.optim.lr_scheduler.CosineAnnealingLR(self.optimiser, max(1, given.steps - WARM_UP)),
            ],
            [WARM_UP],
        )
        with torch.no_grad():
            found = [teacher(crops.varied(4, 1, i)) for i in range(SAMPLE)]
        self.variance = {name: torch.stack([one[name].var() for one in found]).mean() for name in found[0]}
        self.identity = {**{k: getattr(given, k) for k in COUNTED}, "pictures": digest(crops.pictures)}

    def next(self) -> dict[str, float]:
        """Take one step and return the error of each layer."""
        parts = self.step < self.given.parts * self.given.steps
        images, taught = self.batches.next(self.step, self.teacher if parts else self.student)
        seen = self.student.in_parts(images, taught) if parts else self.student(images)
        errors = {name: (seen[name] - taught[name]).square().mean() / self.variance[name] for name in taught}
        self.optimiser.zero_grad()
        sum(errors.values()).backward()
        nn.utils.clip_grad_norm_(self.student.parameters(), 5.0)
        self.optimiser.step()
        self.schedule.step()
        self.step += 1
        return {name: value.item() for name, value in errors.items()}

    def save(self) -> None:
        """Write the state, atomically."""
        state = {name: getattr(self, name).state_dict() for name in ("student", "optimiser", "schedule", "batches")}
        with replacing(self.given.state) as file:
            torch.save(state | {"step": self.step, "identity": self.identity}, file)

    def resume(self) -> None:
        """Go on from a state on the disk.

        Raises:
            ValueError: It belongs to a training with other options or pictures.
        """
        state: dict[str, Any] = load_weights_only(self.given.state)
        if state["identity"] != self.identity:
            other = [name for name, value in self.identity.items() if state["identity"].get(name) != value]
            raise ValueError(f"{self.given.state} has another {', '.join(other)}; give another --state, or delete it")
        for name in ("student", "optimiser", "schedule", "batches"):
            getattr(self, name).load_state_dict(state[name])
        self.step = state["step"]


def run(training: Training, report: Callable[[str], None]) -> None:
    """Train to the end, with a line and a saved state every `--report` steps."""
    start, seen = time.monotonic(), []
    while training.step < training.given.steps:
        seen.append(training.next())
        if training.step % training.given.report == 0 or training.step == training.given.steps:
            mean = {name: round(sum(one[name] for one in seen) / len(seen), 4) for name in seen[0]}
            report(json.dumps({"step": training.step, "s": round(time.monotonic() - start), **mean}))
            training.save()
            seen = []


def build(given: argparse.Namespace) -> Training:
    """Return a new training."""
    torch.set_num_threads(1)
    torch.manual_seed(given.seed)
    options = yaml.safe_load((ROOT / "conf/download/default.yaml").read_text(encoding="utf-8"))
    download = Download(**{name: value for name, value in options.items() if name != "_target_"})
    state, source = weights.load(STUDENTS[given.student]["teacher"], given.teacher, download)
    if source["origin"] == "embedded":
        raise ValueError(f"the teacher can't be the embedded network itself: {source['warning']}")
    crops = Crops(load(given.pictures, ASSETS / "styles"), edge=given.crop, seed=given.seed)
    count = 4 * given.painted
    if given.student == "squeezenet":
        pupil, taught = squeezenet.SqueezeNet(), squeezenet.teacher(state)
        paintings = Paintings(crops, count=count, steps=AGE, style=squeezenet.STYLE, content=squeezenet.CONTENT)
        batches = Fresh(crops, paintings, taught, batch=given.batch, painted=given.painted)
        return Training(given, pupil, taught, crops, batches)
    student, teacher = small_vgg19.Student(), small_vgg19.Teacher(state)
    large = Crops(crops.pictures, edge=given.start, seed=given.seed)
    half = given.started // 2
    small_vgg19.start(student, teacher, torch.cat([large.plain(half, 6), large.varied(given.started - half, 7)]))
    paintings = Paintings(crops, count=count, steps=AGE, style=small_vgg19.STYLE, content=small_vgg19.CONTENT)
    return Training(
        given, student, teacher, crops, Reused(crops, paintings, teacher, batch=given.batch, kept=given.kept)
    )


def main() -> None:
    """Train and write the checkpoint."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("student", choices=STUDENTS, help="which network is taught")
    parser.add_argument("--teacher", help="checkpoint of the teacher; else torch hub's cache or torchvision's download")
    parser.add_argument("--pictures", type=Path, default=ROOT / "outputs" / "photographs", help="folder of *.png")
    parser.add_argument("--out", type=Path, help="the checkpoint to write; else the one in the package")
    parser.add_argument("--state", type=Path, help="the state to go on from; else outputs/distil_<student>.state")
    parser.add_argument("--steps", type=int, help="of the optimiser")
    parser.add_argument("--batch", type=int, help="images a step")
    parser.add_argument("--painted", type=int, help="of them, pictures from along style transfers")
    parser.add_argument("--crop", type=int, help="edge of an image, pixels, a multiple of 16")
    parser.add_argument("--rate", type=float, help="largest learning rate of Adam")
    parser.add_argument("--parts", type=float, help="share of the steps with each layer by itself (squeezenet)")
    parser.add_argument("--kept", type=int, default=400, help="images that are used again (small_vgg19)")
    parser.add_argument("--start", type=int, default=224, help="edge of the images of the start, pixels (small_vgg19)")
    parser.add_argument("--started", type=int, default=64, help="images of the start (small_vgg19)")
    parser.add_argument("--seed", type=int, default=0, help="of everything random")
    parser.add_argument("--report", type=int, default=50, help="steps between two lines, with the state saved")
    given = parser.parse_args()
    for name, value in STUDENTS[given.student].items():
        if name in COUNTED and getattr(given, name) is None:
            setattr(given, name, value)
    given.state = given.state or ROOT / "outputs" / f"distil_{given.student}.state"
    given.out = given.out or ASSETS / STUDENTS[given.student]["out"]
    try:
        training = build(given)
        if given.state.exists():
            training.resume()
    except (OSError, ValueError) as error:
        raise SystemExit(str(error)) from None
    run(training, lambda line: print(line, flush=True))
    with replacing(given.out) as file:
        torch.save(training.student.checkpoint(), file)


if __name__ == "__main__":
    main()
