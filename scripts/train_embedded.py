"""Train the embedded SqueezeNet 1.1 from nothing but pictures that the project makes or that come with scikit-image.

python scripts/train_embedded.py                                   # the one that ships
python scripts/train_embedded.py --steps 200 --out /tmp/try.pt     # a quick try
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch
from embedded import pictures, student, teacher
from torch import Tensor, nn
from torch.nn import functional as F

from nst.backbones.base import Input

ASSET = Path(__file__).resolve().parents[1] / "src" / "nst" / "assets" / "squeezenet1_1-nst.pt"
IMAGENET = Input(mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225])


def train(given: argparse.Namespace) -> nn.Sequential:
    """Train from the seed; give the network with its normalisations, and print how it goes."""
    torch.manual_seed(given.seed)
    rng = np.random.default_rng(given.seed)
    begun = time.time()
    pool = pictures.pool(rng, given.pool, given.crop * 2)
    print(f"{len(pool)} pictures, {time.time() - begun:.0f} s", flush=True)
    features, bank = student.build().to(memory_format=torch.channels_last), teacher.build()
    first = pictures.batch(pool, rng, count=given.batch, edge=given.crop)
    with torch.no_grad():
        known = student.outputs(features, IMAGENET(first))
        heads = teacher.Heads(known, teacher.lessons(bank, first, {k: v.shape for k, v in known.items()}))
    learnt = [*features.parameters(), *heads.parameters()]
    optimiser = torch.optim.AdamW([p for p in learnt if p.requires_grad], lr=given.rate, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, given.rate, given.steps, pct_start=0.1)
    for step in range(given.steps):
        image = pictures.batch(pool, rng, count=given.batch, edge=given.crop)
        terms = losses(features, heads, bank, image, given)
        loss = sum(terms.values())
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(learnt, 5.0)
        optimiser.step()
        schedule.step()
        if step % given.report == 0 or step == given.steps - 1:
            line = {name: round(value.item(), 4) for name, value in terms.items()}
            print(json.dumps({"step": step, "s": round(time.time() - begun), **line}), flush=True)
            torch.save(student.checkpoint(features), given.out)
    return features


def losses(
    features: nn.Sequential, heads: nn.Module, bank: nn.Module, image: Tensor, given: argparse.Namespace
) -> dict[str, Tensor]:
    """Give the named terms of the loss, weighted."""
    noise = torch.rand(len(image), 1, 1, 1) * given.noise
    seen = (IMAGENET(image + noise * torch.randn_like(image))).contiguous(memory_format=torch.channels_last)
    with torch.autocast("cpu", torch.bfloat16):
        taught = student.outputs(features, seen)
        lesson = teacher.lessons(bank, image, {k: v.shape for k, v in taught.items()})
        missed = heads(taught, lesson)
    terms = {f"miss{k}": v / len(missed) for k, v in missed.items()}
    for k, v in taught.items():
        terms[f"corr{k}"] = given.decorrelate * student.correlation(v)
        if given.contrast:
            terms[f"same{k}"] = given.contrast * contrast(v.float())
    terms["rough"] = given.smooth * student.roughness(features[0][0].weight)
    return terms


def contrast(maps: Tensor) -> Tensor:
    """Give how ill the Gram matrix tells which two crops are of one picture: cross-entropy over the batch.

    Args:
        maps: (2 N, C, h, w), crops of a picture beside each other.
    """
    flat = maps.flatten(2)
    gram = (flat @ flat.transpose(1, 2) / flat.shape[2]).flatten(1)
    gram = F.normalize(gram - gram.mean(0).detach(), dim=1)
    likeness = (gram @ gram.T / 0.1).fill_diagonal_(-1e4)
    return F.cross_entropy(likeness, torch.arange(len(maps)) ^ 1)


def main() -> None:
    """Read the command line, train, and write the checkpoint."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ASSET, help="the checkpoint to write")
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--batch", type=int, default=8, help="pictures a step, two crops of each")
    parser.add_argument("--crop", type=int, default=128, help="edge of a crop, pixels")
    parser.add_argument("--pool", type=int, default=600, help="procedural pictures, and as many cuts of real ones")
    parser.add_argument("--rate", type=float, default=3e-3)
    parser.add_argument(
        "--noise", type=float, default=0.05, help="largest deviation of the noise that only the student sees"
    )
    parser.add_argument("--decorrelate", type=float, default=0.3)
    parser.add_argument("--contrast", type=float, default=0.0)
    parser.add_argument("--smooth", type=float, default=0.3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--report", type=int, default=50, help="steps between two lines")
    given = parser.parse_args()
    features = train(given)
    torch.save(student.checkpoint(features), given.out)


if __name__ == "__main__":
    main()
