"""Measure the embedded SqueezeNet against others: style distance at equal content distance, before two judges.

python scripts/evaluate_embedded.py --images FOLDER --trained CHECKPOINT --out FOLDER \
    --pairs content/a.jpg:style/b.jpg ... [--size 448] [--content 0.1 0.3 1.0]

Paints each pair with each checkpoint (`embedded`, the trained one, `random`) at several content weights. A judge's
style distance is the relative distance of Gram matrices to the style, mean over the judge's layers, as a share of the
photograph's own: 1 is the photograph, smaller is nearer the style. The content distance is the wavelets', which no
candidate optimised. The logarithm of the style distance is interpolated along the content distance to where the
trained network's lies at the middle weight. Writes `table.md`, `table.json` and `sheet.png`.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import torch
import yaml
from PIL import Image
from torch import Tensor

from nst.backbones import Backbone, Pretrained, Wavelet
from nst.backbones.base import Input
from nst.download import Download

ROOT = Path(__file__).resolve().parents[1]


def conf(name: str) -> dict[str, object]:
    """Read a file of the configuration, without what Hydra adds."""
    found: dict[str, object] = yaml.safe_load((ROOT / "conf" / f"{name}.yaml").read_text(encoding="utf-8"))
    return {key: value for key, value in found.items() if key not in ("_target_", "defaults")}


class Judge:
    """Distances of pictures in the default layers of a backbone."""

    def __init__(self, backbone: Backbone, layers: dict[str, dict[str, float]]) -> None:
        self.backbone, self.layers = backbone, layers

    @torch.no_grad()
    def style(self, picture: Tensor, style: Tensor) -> float:
        """Give the mean over layers of ||G - A||^2 / ||A||^2."""
        ours, theirs = self.backbone(picture), self.backbone(style)
        pairs = [(gram(ours[k]), gram(theirs[k])) for k in self.layers["style"]]
        return float(np.mean([((g - a).square().sum() / a.square().sum()).item() for g, a in pairs]))

    @torch.no_grad()
    def content(self, picture: Tensor, photograph: Tensor) -> float:
        """Give the mean over layers of ||f - c||^2 / ||c||^2."""
        ours, theirs = self.backbone(picture), self.backbone(photograph)
        pairs = [(ours[k], theirs[k]) for k in self.layers["content"]]
        return float(np.mean([((f - c).square().sum() / c.square().sum()).item() for f, c in pairs]))


def gram(maps: Tensor) -> Tensor:
    """Give the Gram matrix over positions: (1, C, h, w) -> (C, C)."""
    flat = maps[0].flatten(1)
    return flat @ flat.T / flat.shape[1]


def judges(trained: Path) -> dict[str, Judge]:
    """Give the wavelets and the trained SqueezeNet."""
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


def paint(content: Path, style: Path, checkpoint: str, given: argparse.Namespace, folder: Path) -> list[Path]:
    """Paint one pair with one checkpoint, unless that was done, and give the pictures, one a content weight."""
    pictures = [folder / str(n) / "final.png" for n in range(len(given.content))]
    if not all(picture.exists() for picture in pictures):
        weights = ",".join(str(weight) for weight in given.content)
        options = [f"weights.content={weights}", f"size={given.size}", f"hydra.sweep.dir={folder}", *given.options]
        paths = [f"content.path={content}", f"style.path={style}", f"backbone.checkpoint={checkpoint}"]
        command = [sys.executable, str(ROOT / "train.py"), "-m", "backbone=squeezenet", *paths, *options]
        subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.DEVNULL)
    return pictures


def load(path: Path, edge: int, shape: tuple[int, int] | None = None) -> Tensor:
    """Read a picture at its longest edge, or at (height, width): (1, 3, H, W), [0, 1]."""
    image = Image.open(path).convert("RGB")
    ratio = edge / max(image.size)
    size = (round(image.width * ratio), round(image.height * ratio)) if shape is None else shape[::-1]
    pixels = np.asarray(image.resize(size, Image.Resampling.LANCZOS), np.float32) / 255
    return torch.from_numpy(pixels).permute(2, 0, 1)[None]


def at_equal(content: list[float], style: list[float], where: float) -> float:
    """Interpolate log(style distance) to a content distance, and beyond the ends by the nearest two points."""
    order = np.argsort(content)
    x, y = np.asarray(content)[order], np.log(np.asarray(style)[order])
    i = int(np.clip(np.searchsorted(x, where) - 1, 0, len(x) - 2))
    slope = (y[i + 1] - y[i]) / max(x[i + 1] - x[i], 1e-6)
    return float(np.exp(y[i] + slope * (np.clip(where, x[0] * 0.8, x[-1] * 1.2) - x[i])))


def measure(given: argparse.Namespace) -> dict[str, dict[str, dict[str, float]]]:
    """Give pair -> candidate -> judge -> style distance at equal content distance; write the sheet on the way."""
    candidates = {"trained": str(given.trained.resolve()), "embedded": given.embedded, "random": "random"}
    bench, table, rows = judges(given.trained), {}, []
    for pair in given.pairs:
        content, style = (given.images.resolve() / part for part in pair.split(":"))
        label = f"{content.stem} x {style.stem}"
        found, cells = {}, []
        for name, checkpoint in candidates.items():
            pictures = paint(
                content, style, checkpoint, given, given.out.resolve() / f"{content.stem}_{style.stem}_{name}"
            )
            tensors = [load(picture, given.size) for picture in pictures]
            photograph, model = load(content, given.size, tensors[0].shape[-2:]), load(style, given.size)
            far = [bench["wavelet"].content(t, photograph) for t in tensors]
            ratio = {k: [j.style(t, model) / j.style(photograph, model) for t in tensors] for k, j in bench.items()}
            found[name] = (far, ratio)
            cells.append(tensors[len(tensors) // 2])
        where = found["trained"][0][len(given.content) // 2]
        table[label] = {
            name: {k: at_equal(far, ratio[k], where) for k in bench} | {"content": far, "curves": ratio, "at": where}
            for name, (far, ratio) in found.items()
        }
        rows.append([photograph, model, *cells])
        print(label, {n: {k: round(v[k], 3) for k in bench} for n, v in table[label].items()}, flush=True)
    sheet(rows).save(given.out / "sheet.png")
    return table


def sheet(rows: list[list[Tensor]], height: int = 300) -> Image.Image:
    """Lay pictures out in rows of one height."""
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
    """Write the numbers, and a table with the share of the way from random to trained."""
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
    print("\n".join(lines))


def main() -> None:
    """Read the command line, paint, judge and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, required=True, help="folder that the pairs are named in")
    parser.add_argument("--pairs", nargs="+", required=True, metavar="CONTENT:STYLE")
    parser.add_argument("--trained", type=Path, required=True, help="ImageNet's checkpoint, the judge")
    parser.add_argument("--embedded", default="embedded", help="the candidate: a file, or the one that ships")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--size", type=int, default=448, help="longest edge, pixels")
    parser.add_argument("--content", type=float, nargs="+", default=[0.1, 0.3, 1.0], help="content weights")
    parser.add_argument("--options", nargs="*", default=[], help="more options of train.py")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    write(measure(given), given.out)


if __name__ == "__main__":
    main()
