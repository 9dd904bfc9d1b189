"""Train the bundled SqueezeNet 1.1, only on images that the project makes or that come with scikit-image.

python scripts/train_embedded.py                                   # the bundled checkpoint
python scripts/train_embedded.py --steps 200 --out /tmp/try.pt     # a quick try

Training images: procedural textures (embedded/textures.py), the style pictures of this package, and those images in
scikit-image's wheel that it documents as CC0 or public domain. The only teacher is the analytic wavelet filter bank.
From each trained layer, a linear head (discarded afterwards) must predict the bank's rectified responses and their
second-order responses at the layer's scale; the student sees a noisy image, the bank the clean one. No ImageNet and no
other network is involved. The checkpoint is the project's own work, under its licence.

What improves pictures, found by looking at them:

* The first filters are fixed, respond to every pattern and are whitened, so that the first Gram matrix penalises noise;
  only the smooth ones feed the second layer.
* The biases of squeeze layers start where their ReLU passes everything.
* 3 x 3 filters start blurred and are kept smooth.
* Every stride follows a blur (`backbone.pooling=blur`, in training and in use): after the first convolution and instead
  of max pooling. Without it, an optimised picture shows a grid. This matters more than anything in the training.

Time for the bundled checkpoint: 8 minutes on two cores of a Xeon, torch 2.15, bfloat16; 4 GB of memory. If other
processes use the cores, they share them: waiting threads sleep. The same seed gives the same images and
crops; another machine, which sums in another order, gives another checkpoint of the same quality.
"""

import argparse
import json
import time
from pathlib import Path

import nst  # noqa: F401 - before torch: it says how threads wait

# isort: split
import numpy as np
import torch
from embedded import student, teacher
from embedded.pictures import pool as make
from torch import Tensor, nn

from nst.backbones.base import Input

ASSET = Path(__file__).resolve().parents[1] / "src" / "nst" / "assets" / "squeezenet1_1-nst.pt"
IMAGENET = Input(mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225])


class TrainingData:
    """Images and the teacher's maps of them, in memory; the teacher sees each image once.

    Args:
        pictures: (N, 3, H, W), [0, 1], H and W multiples of 16.
    """

    def __init__(self, pictures: Tensor) -> None:
        self.pictures = (pictures * 255).round().byte()
        bank = teacher.build()
        with torch.autocast("cpu", torch.bfloat16):
            parts = [teacher.targets(bank, part.float() / 255) for part in self.pictures.split(8)]
        self.targets = {key: torch.cat([part.pop(key) for part in parts]) for key in list(parts[0])}

    def __len__(self) -> int:
        return len(self.pictures)

    def crops(self, rng: np.random.Generator, count: int, edge: int) -> tuple[Tensor, dict[int, Tensor]]:
        """Return crops of `count` images, (count, 3, edge, edge), and layer -> the teacher's maps of them."""
        chosen = rng.choice(len(self), count, replace=len(self) < count)
        corners = 16 * rng.integers((self.pictures.shape[-1] - edge) // 16 + 1, size=(count, 2))
        spots = [(i, y, x) for i, (y, x) in zip(chosen, corners, strict=True)]
        image = torch.stack([self.pictures[i, :, y : y + edge, x : x + edge] for i, y, x in spots]).float() / 255
        return image, {layer: self._target(layer, spots, edge) for layer in teacher.TARGETS}

    def _target(self, layer: int, spots: list[tuple[int, int, int]], edge: int) -> Tensor:
        n = teacher.STRIDES[layer]
        maps = [self.targets[name, n] for name in teacher.TARGETS[layer].split()]
        parts = [[m[i, :, y // n : (y + edge) // n, x // n : (x + edge) // n] for i, y, x in spots] for m in maps]
        return torch.cat([torch.stack(part) for part in parts], dim=1)


def train(given: argparse.Namespace) -> nn.Sequential:
    """Train a network, print its losses, and return it with its batch norms."""
    torch.manual_seed(given.seed)
    start = time.time()
    pictures = make(np.random.default_rng(given.seed), given.pool, given.edge)
    print(f"{len(pictures)} pictures, {time.time() - start:.0f} s", flush=True)
    data = TrainingData(pictures)
    print(f"targets, {time.time() - start:.0f} s", flush=True)
    rng = np.random.default_rng([given.seed, 1])
    features = student.build().to(memory_format=torch.channels_last)
    _, target = data.crops(rng, 64, given.crop)
    heads = teacher.Heads(student.channels(features), target)
    trained = [p for p in [*features.parameters(), *heads.parameters()] if p.requires_grad]
    optimiser = torch.optim.AdamW(trained, lr=given.rate, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, given.rate, given.steps, pct_start=0.1)
    for step in range(given.steps):
        terms = losses(features, heads, *data.crops(rng, given.batch, given.crop), given)
        optimiser.zero_grad()
        sum(terms.values()).backward()
        nn.utils.clip_grad_norm_(trained, 5.0)
        optimiser.step()
        schedule.step()
        student.spare_fine(features)
        if step % given.report == 0 or step == given.steps - 1:
            line = {name: round(value.item(), 4) for name, value in terms.items()}
            print(json.dumps({"step": step, "s": round(time.time() - start), **line}), flush=True)
    return features


def losses(
    features: nn.Sequential, heads: nn.Module, image: Tensor, target: dict[int, Tensor], given: argparse.Namespace
) -> dict[str, Tensor]:
    """Return the weighted terms of the loss."""
    noise = torch.rand(len(image), 1, 1, 1) * given.noise
    seen = IMAGENET(image + noise * torch.randn_like(image)).contiguous(memory_format=torch.channels_last)
    with torch.autocast("cpu", torch.bfloat16):
        taught = student.outputs(features, seen)
        missed = heads(taught, target)
    terms = {f"miss{k}": v / len(missed) for k, v in missed.items()}
    for k, v in taught.items():
        terms[f"corr{k}"] = given.decorrelate * student.correlation(v)
    terms["rough"] = given.smooth * student.roughness(features)
    return terms


def main() -> None:
    """Train and write the checkpoint."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ASSET, help="the checkpoint to write")
    parser.add_argument("--steps", type=int, default=1500, help="of the optimiser")
    parser.add_argument("--batch", type=int, default=16, help="crops a step")
    parser.add_argument("--crop", type=int, default=96, help="edge of a crop, pixels, a multiple of 16")
    parser.add_argument("--edge", type=int, default=192, help="edge of an image, pixels, likewise")
    parser.add_argument("--pool", type=int, default=240, help="procedural images, and as many crops of others")
    parser.add_argument("--rate", type=float, default=1.5e-3, help="largest learning rate of AdamW")
    parser.add_argument(
        "--noise", type=float, default=0.08, help="largest standard deviation of the noise that the student sees"
    )
    parser.add_argument("--decorrelate", type=float, default=0.3, help="weight of the correlation between channels")
    parser.add_argument("--smooth", type=float, default=0.3, help="weight of the roughness of 3 x 3 filters")
    parser.add_argument("--seed", type=int, default=0, help="of everything random")
    parser.add_argument("--report", type=int, default=25, help="steps between two printed lines")
    given = parser.parse_args()
    features = train(given)
    torch.save(student.checkpoint(features), given.out)


if __name__ == "__main__":
    main()
