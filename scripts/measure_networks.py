"""Measure pictures of a trained network in networks that judge: style and content distance, seconds.

python scripts/measure_networks.py --photographs a.jpg b.jpg --judges wavelet vgg19=vgg19.pth
python scripts/measure_networks.py --photographs a.jpg --compare outputs/pictures   # holds <photograph>_<style>.png

Style is the relative distance of Gram matrices to the style's, divided by the photograph's own; content is the relative
distance of features to the photograph's; both are means over the judge's default layers, at `--size` pixels. The
pictures are kept in `--out`, with a sheet of them all.
"""

import argparse
import time
from collections.abc import Mapping
from pathlib import Path

import nst  # noqa: F401 - before torch: it says how threads wait

# isort: split
import torch
from hydra import compose, initialize_config_dir
from torch import Tensor

from nst.config import instantiate
from nst.config.search_path import OWN
from nst.data import image_io, library
from nst.inference import styles
from nst.inference.tiled import TiledNetwork
from nst.losses.base import Stats
from nst.networks import io
from nst.objective import Objective

ASSETS = {"painted_wave": "great_wave"}
"""Style -> its picture's name, where that is another."""


def judge(words: str) -> Objective:
    """Return the network of a judge, `name` or `name=checkpoint`, with its terms `style` and `content`."""
    name, _, checkpoint = words.partition("=")
    overrides = [f"judge={name}", *([f"judge.network.checkpoint={checkpoint}"] if checkpoint else [])]
    with initialize_config_dir(str(OWN), version_base="1.3"):
        made = instantiate.judge(compose("train", overrides=overrides))
    assert made is not None
    return made.objective


@torch.no_grad()
def reference(network: Objective, image: Tensor) -> dict[str, Stats]:
    """Return term -> what it keeps of a picture."""
    features = network.backbone(image)
    return {name: term.reference(features) for name, term in network.named()}


@torch.no_grad()
def distances(network: Objective, features: Stats, references: Mapping[str, Stats]) -> dict[str, float]:
    """Return term -> distance of a picture's features from what the terms keep of others."""
    return {
        name: sum(float(v) for v in term.score(term.measure(features, references[name]), references[name]).values())
        for name, term in network.named()
    }


def main() -> None:
    """Paint, measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", type=Path, default=io.bundled("multistyle"))
    parser.add_argument("--styles", type=Path, nargs="+", help="files for a network of any style; its own named ones")
    parser.add_argument("--photographs", type=Path, nargs="+", required=True)
    parser.add_argument("--judges", nargs="+", default=["wavelet"], help="name, or name=checkpoint")
    parser.add_argument("--compare", type=Path, help="folder with pictures of another program")
    parser.add_argument("--size", type=int, default=512, help="longest edge, pixels")
    parser.add_argument("--out", type=Path, default=Path("outputs/measured"))
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    trained = io.load(given.network)
    painter = TiledNetwork(trained.network)
    photographs = {path.stem: image_io.reduced(image_io.load(path).rgb, given.size) for path in given.photographs}
    files = {path.stem: path for path in given.styles or []} or {
        s: library.asset(ASSETS.get(s, s)) for s in trained.styles
    }
    pictures: dict[tuple[str, str, str], Tensor] = {}
    for name, photograph in photographs.items():
        for style, file in files.items():
            wanted = styles.StyleRequest(str(file) if given.styles else style)
            mix = styles.mix(trained, [wanted], strength=1.0, masks=[None])
            start = time.process_time()
            pictures[name, style, "network"] = painted = painter.stylize(photograph, mix)
            print(f"{name} {style}: {time.process_time() - start:.2f} s of processor time", flush=True)
            image_io.save(painted, given.out / f"{name}_{style}.png")
            if given.compare and (other := given.compare / f"{name}_{style}.png").is_file():
                shown = image_io.resize(image_io.load(other).rgb, image_io.size_of(photograph))
                pictures[name, style, "compared"] = shown
    shown = {style: image_io.load(file).rgb for style, file in files.items()}
    for words in given.judges:
        network, rows = judge(words), {}
        of_style = {s: reference(network, image_io.reduced(image, given.size))["style"] for s, image in shown.items()}
        with torch.no_grad():
            plain = {name: network.backbone(photograph) for name, photograph in photographs.items()}
        kept = {name: reference(network, photograph)["content"] for name, photograph in photographs.items()}
        for (name, style, kind), picture in pictures.items():
            both = {"style": of_style[style], "content": kept[name]}
            own = distances(network, plain[name], both)["style"]
            with torch.no_grad():
                found = distances(network, network.backbone(picture), both)
            rows[name, style, kind] = found["style"] / own, found["content"]
            print(
                f"{words.partition('=')[0]} {kind} {name} {style}: style {rows[name, style, kind][0]:.3f}, "
                f"content {found['content']:.3f}",
                flush=True,
            )
        for kind in sorted({key[2] for key in rows}):
            for style in files:
                mine = [row for key, row in rows.items() if key[1:] == (style, kind)]
                if mine:
                    means = [sum(values) / len(mine) for values in zip(*mine, strict=True)]
                    cells = (words.partition("=")[0], kind, style, len(mine), *(f"{mean:.3f}" for mean in means))
                    print("|", *(f"{cell} |" for cell in cells))


if __name__ == "__main__":
    main()
