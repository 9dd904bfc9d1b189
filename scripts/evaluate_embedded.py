"""Compare the bundled SqueezeNet with others: style distance at equal content distance, by two judges.

python scripts/evaluate_embedded.py --images FOLDER --trained CHECKPOINT --out FOLDER --pairs a.jpg:b.jpg ...

Each pair (content:style) is painted with the trained checkpoint at one content weight, and with the bundled one and
with random parameters at weights that bracket its content distance, as closely as possible. A judge's style distance is
the relative distance of the Gram matrices to the style's, averaged over the judge's default layers and divided by that
of the photograph: 1 is the photograph, smaller is closer to the style. The content distance is measured by the wavelet
backbone, which no candidate optimised. The logarithm of the style distance is interpolated to equal content distance.
The script writes `table.md`, `table.json` and `sheet.png` (content, style, random, embedded, trained).
"""

import argparse
import json
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import nst  # noqa: F401 - before torch: it says how threads wait

# isort: split
import numpy as np
import torch
import yaml
from PIL import Image
from torch import Tensor

from nst.backbones import Backbone, Pretrained, Wavelet
from nst.backbones.base import Input
from nst.data.download import Download

ROOT = Path(__file__).resolve().parents[1]


def conf(name: str) -> dict[str, object]:
    """Return a file of the configuration without the keys for Hydra."""
    found: dict[str, object] = yaml.safe_load((ROOT / "conf" / f"{name}.yaml").read_text(encoding="utf-8"))
    return {key: value for key, value in found.items() if key not in ("_target_", "defaults")}


class Judge:
    """Distances of pictures in the default layers of a backbone."""

    def __init__(self, backbone: Backbone, layers: dict[str, dict[str, float]]) -> None:
        self.backbone, self.layers = backbone, layers

    @torch.no_grad()
    def style(self, picture: Tensor, style: Tensor) -> float:
        """Return the mean over layers of ||G - A||^2 / ||A||^2, G and A the Gram matrices of picture and style."""
        ours, theirs = self.backbone(picture), self.backbone(style)
        pairs = [(gram(ours[k]), gram(theirs[k])) for k in self.layers["style"]]
        return float(np.mean([((g - a).square().sum() / a.square().sum()).item() for g, a in pairs]))

    @torch.no_grad()
    def content(self, picture: Tensor, photograph: Tensor) -> float:
        """Return the mean over layers of ||f - c||^2 / ||c||^2, f and c the features of picture and photograph."""
        ours, theirs = self.backbone(picture), self.backbone(photograph)
        pairs = [(ours[k], theirs[k]) for k in self.layers["content"]]
        return float(np.mean([((f - c).square().sum() / c.square().sum()).item() for f, c in pairs]))


def gram(maps: Tensor) -> Tensor:
    """Return the Gram matrix over positions: (1, C, h, w) -> (C, C)."""
    flat = maps[0].flatten(1)
    return flat @ flat.T / flat.shape[1]


def judges(trained: Path) -> dict[str, Judge]:
    """Return the two judges: the wavelet backbone and the trained SqueezeNet."""
    out = {}
    for name in ("wavelet", "squeezenet"):
        layers = {
            kind: {str(k): w for k, w in part.items()} for kind, part in conf(f"layers/{name}").items() if kind != "tv"
        }
        names = sorted({key for part in layers.values() for key in part})
        options = conf(f"backbone/{name}") | {"layers": names}
        if name == "wavelet":
            backbone: Backbone = Wavelet(**options, input=Input(**conf("input/centred")))
        else:
            download = Download(**conf("download/default"))
            options |= {"checkpoint": str(trained), "seed": 0, "download": download}
            backbone = Pretrained(**options, input=Input(**conf("input/imagenet")))
        out[name] = Judge(backbone, layers)
    return out


def paint(content: Path, style: Path, checkpoint: str, weight: float, given: argparse.Namespace, folder: Path) -> Path:
    """Paint one pair unless its picture exists, and return the picture's path."""
    picture = folder / "final.png"
    if not picture.exists():
        options = [f"weights.content={weight}", f"size={given.size}", f"hydra.run.dir={folder}", *given.options]
        paths = [f"content.path={content}", f"style.path={style}", f"backbone.checkpoint={checkpoint}"]
        command = [sys.executable, str(ROOT / "train.py"), "backbone=squeezenet", *paths, *options]
        subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.DEVNULL)
    return picture


def load(path: Path, edge: int, shape: tuple[int, int] | None = None) -> Tensor:
    """Return a picture resized to a longest edge, or to (height, width): (1, 3, H, W), [0, 1]."""
    image = Image.open(path).convert("RGB")
    ratio = edge / max(image.size)
    size = (round(image.width * ratio), round(image.height * ratio)) if shape is None else shape[::-1]
    pixels = np.asarray(image.resize(size, Image.Resampling.LANCZOS), np.float32) / 255
    return torch.from_numpy(pixels).permute(2, 0, 1)[None]


def at_equal(content: list[float], style: list[float], where: float) -> float:
    """Interpolate log(style distance) at a content distance; outside the range, the nearest end is returned."""
    order = np.argsort(content)
    return float(np.exp(np.interp(where, np.asarray(content)[order], np.log(np.asarray(style)[order]))))


@dataclass
class Tried:
    """The results of one candidate for one pair: content weight -> content distance, style distances, picture."""

    content: dict[float, float] = field(default_factory=dict)
    style: dict[float, dict[str, float]] = field(default_factory=dict)
    picture: dict[float, Tensor] = field(default_factory=dict)

    def at(self, judge: str, where: float) -> float:
        """Return the style distance at a content distance."""
        weights = list(self.content)
        return at_equal([self.content[w] for w in weights], [self.style[w][judge] for w in weights], where)

    def nearest(self, where: float) -> Tensor:
        """Return the picture with the nearest content distance."""
        return self.picture[min(self.content, key=lambda w: abs(self.content[w] - where))]


class Pair:
    """A photograph and a style, to be painted and judged."""

    def __init__(self, names: str, given: argparse.Namespace, bench: dict[str, Judge]) -> None:
        self.content, self.style = (given.images.resolve() / name for name in names.split(":"))
        self.label, self.given, self.bench = f"{self.content.stem} x {self.style.stem}", given, bench

    def attempt(self, tried: Tried, name: str, checkpoint: str, weight: float) -> None:
        """Paint at one content weight and judge."""
        folder = self.given.out.resolve() / f"{self.content.stem}_{self.style.stem}_{name}_{weight:g}"
        out = load(paint(self.content, self.style, checkpoint, weight, self.given, folder), self.given.size)
        self.photograph, self.model = load(self.content, 0, out.shape[-2:]), load(self.style, self.given.size)
        ratio = {k: j.style(out, self.model) / j.style(self.photograph, self.model) for k, j in self.bench.items()}
        tried.content[weight] = self.bench["wavelet"].content(out, self.photograph)
        tried.style[weight], tried.picture[weight] = ratio, out

    def bracket(self, name: str, checkpoint: str, where: float) -> Tried:
        """Paint at weights 4 times apart until two of them enclose the content distance, at most 3 times."""
        tried, weight = Tried(), self.given.weight
        self.attempt(tried, name, checkpoint, weight)
        factor = 4.0 if tried.content[weight] > where else 0.25
        while len(tried.content) < 3 and (tried.content[weight] > where) == (factor > 1):
            weight *= factor
            self.attempt(tried, name, checkpoint, weight)
        return tried


def measure(given: argparse.Namespace) -> dict[str, dict[str, dict[str, float]]]:
    """Return pair -> candidate -> judge -> style distance at equal content distance, and write the sheet."""
    bench, table, rows = judges(given.trained), {}, []
    for names in given.pairs:
        pair, trained = Pair(names, given, bench), Tried()
        pair.attempt(trained, "trained", str(given.trained.resolve()), given.weight)
        where = trained.content[given.weight]
        checkpoints = {"random": "random", "embedded": given.embedded}
        found = {name: pair.bracket(name, file, where) for name, file in checkpoints.items()} | {"trained": trained}
        table[pair.label] = {name: {k: tried.at(k, where) for k in bench} for name, tried in found.items()}
        table[pair.label] |= {"content distance": {"at": where}}
        print(pair.label, json.dumps(table[pair.label]), {n: t.content for n, t in found.items()}, flush=True)
        painted = [tried.nearest(where) for tried in found.values()]
        rows.append([pair.photograph, pair.model, *painted])
        sheet(rows).save(given.out / "sheet.png")
        write(table, given.out)
    return table


def sheet(rows: list[list[Tensor]], height: int = 300) -> Image.Image:
    """Return rows of pictures, all of one height."""
    strips = []
    for row in rows:
        images = [Image.fromarray((t[0].permute(1, 2, 0).numpy() * 255).round().astype(np.uint8)) for t in row]
        strips.append([image.resize((round(image.width * height / image.height), height)) for image in images])
    width = max(sum(image.width for image in strip) for strip in strips)
    out = Image.new("RGB", (width, height * len(strips)), "white")
    for y, strip in enumerate(strips):
        x = 0
        for image in strip:
            out.paste(image, (x, y * height))
            x += image.width
    return out


def write(table: dict[str, dict[str, dict[str, float]]], folder: Path) -> None:
    """Write the numbers, and a table with each candidate's position between random (0 %) and trained (100 %)."""
    (folder / "table.json").write_text(json.dumps(table, indent=1))
    names, kinds = ("random", "embedded", "trained"), ("wavelet", "squeezenet")
    head = [f"{kind}: {name}" for kind in kinds for name in (*names, "way")]
    lines = ["| pair | " + " | ".join(head) + " |", "|" + "---|" * (len(head) + 1)]
    found = {pair: [row[n][k] for k in kinds for n in names] for pair, row in table.items()}
    found["geometric mean"] = list(np.exp(np.log(np.array(list(found.values()))).mean(0)))
    for pair, v in found.items():
        cells = [
            c for r, e, t in (v[:3], v[3:]) for c in (f"{r:.3f}", f"{e:.3f}", f"{t:.3f}", f"{(r - e) / (r - t):.0%}")
        ]
        lines.append(f"| {pair} | " + " | ".join(cells) + " |")
    (folder / "table.md").write_text("\n".join(lines) + "\n")


def main() -> None:
    """Paint, judge and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, required=True, help="folder that the pairs are named in")
    parser.add_argument("--pairs", nargs="+", required=True, metavar="CONTENT:STYLE")
    parser.add_argument("--trained", type=Path, required=True, help="ImageNet's checkpoint, the judge")
    parser.add_argument("--embedded", default="embedded", help="the candidate: a file, or the one that ships")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--size", type=int, default=448, help="longest edge, pixels")
    parser.add_argument("--weight", type=float, default=0.3, help="content weight of the trained one")
    parser.add_argument("--options", nargs="*", default=[], help="more options of train.py")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    measure(given)
    print((given.out / "table.md").read_text())


if __name__ == "__main__":
    main()
