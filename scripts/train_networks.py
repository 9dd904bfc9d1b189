"""Train the networks that come with nst, from a seed, into `src/nst/assets`, each with its model card.

python scripts/gather_photographs.py                     # once: the pictures to learn from
python scripts/train_networks.py multistyle              # the nine painted styles
python scripts/train_networks.py any_style               # any style, from the network of the nine
python scripts/train_networks.py multistyle --steps 20 --out /tmp/try   # a quick try

The training is a run of `train.py` with the options below, in `outputs/networks/<name>`; it can be killed at any time,
and the same command goes on with it, to the same bits. The same seed and pictures give the same bits on one machine
with one thread. What is kept of the network is stored in 16 bits.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
STYLES = (
    "mosaic,swirling_night,stained_glass,painted_wave,undulating_sunset,pointillism,hatching,marbled_paper,"
    "geometric_abstraction"
)
OPTIONS = {
    "multistyle": f"method=multistyle style=[{STYLES}] backbone=small_vgg19 "
    "backbone.padding=replicate method.style_size=512 training.batch=1 training.crop=192 "
    "training.first_crop=128 training.first_crops=15000 training.gains.content=1.5 "
    "method.steady=5 optimizer.lr=0.005 scheduler.final=0.02 training.preview_every=0 "
    "training.held_out_every=1000",
    "any_style": f"method=any_style style=[{STYLES}] method.start=multistyle backbone=small_vgg19 "
    "backbone.padding=replicate training.batch=1 training.crop=192 training.first_crop=128 "
    "training.first_crops=8000 training.gains.content=1.0 "
    "method.steady=5 optimizer.lr=0.002 scheduler.final=0.02 training.preview_every=0 training.repaint=0.5 "
    "training.held_out_every=1000",
}
"""Network -> the options of its training."""

STYLE_EDGE = 640
"""Shorter edge of the styles that any_style learns from, pixels: all that its crops need."""
STEPS = {"multistyle": 24000, "any_style": 12000}
SHARED = ("method", "layers", "weights", "training", "optimizer", "scheduler", "seed", "steps")
"""Of the configuration, what the file tells: nothing of this machine."""

LICENCE = """Licence: MIT, as nst. The styles are original works of nst. The loss network is derived from VGG-19
(Simonyan and Zisserman, CC BY 4.0; see NOTICE). Made by `python scripts/train_networks.py`; the photographs are
those that `scripts/gather_photographs.py` gathers, with their licences in its table."""


def train(name: str, photographs: Path, folder: Path, steps: int, seed: int) -> None:
    """Train a network, or go on with its training."""
    words = [f"resume={folder}"] if (folder / "last.ckpt").is_file() else []
    words += [
        *OPTIONS[name].split(),
        f"steps={steps}",
        f"seed={seed}",
        "threads=1",
        "trainer=cpu",
        "trainer.precision=32-true",
    ]
    words += ["data=folder", f"data.path={photographs}", f"hydra.run.dir={folder}"]
    words += [f"data.styles={styles(photographs, folder / 'styles')}"] if name == "any_style" else []
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    subprocess.run([sys.executable, ROOT / "train.py", *words], check=True, cwd=ROOT, env=environment)


def styles(photographs: Path, out: Path) -> Path:
    """Make a folder of styles to learn from: the painted ones in other colours, and studies after the photographs.

    Each painted style gets the colours of the eight others and of twelve photographs (mean and covariance of RGB). Of
    each photograph two studies are painted, one in its own colours, one in those of a painted style.
    """
    from painter.studies import study

    from nst.data import color, image_io, library

    if out.is_dir():
        return out
    begun = out.with_name(f"{out.name}.part")
    begun.mkdir(parents=True, exist_ok=True)
    taken = sorted(photographs.glob("*.png"))
    painted = [library.asset(name.replace("painted", "great")) for name in STYLES.split(",")]
    for i, path in enumerate(painted):
        image = image_io.reduced(image_io.load(path).rgb, STYLE_EDGE, by="shortest")
        palettes = [other for other in painted if other != path] + [taken[(i + 9 * k) % len(taken)] for k in range(12)]
        for k, palette in enumerate(palettes):
            colours = image_io.reduced(image_io.load(palette).rgb, 128)
            image_io.save(color.match(image, colours), begun / f"{path.stem}_{k:02}.png")
    for i, path in enumerate(taken):
        photograph = image_io.reduced(image_io.load(path).rgb, STYLE_EDGE, by="shortest")[0].permute(1, 2, 0).numpy()
        for k in range(2):
            target = begun / f"{path.stem}_study_{k}.png"
            study(photograph, edge=STYLE_EDGE, seed=2 * i + k).save(target)
            if k:
                colours = image_io.reduced(image_io.load(painted[i % len(painted)]).rgb, 128)
                image_io.save(color.match(image_io.load(target).rgb, colours), target)
    return begun.rename(out)


def export(folder: Path, target: Path) -> None:
    """Store the network of a run in 16 bits, with its model card beside it."""
    from nst.networks import io, model_card

    data = io.read(folder / "network.safetensors")
    about = data["nst"] | {"config": {key: data["nst"]["config"].get(key) for key in SHARED}}
    about["keeps"] = {key: value.half() for key, value in about["keeps"].items()}
    io.save(target, {key: value.half() for key, value in data["state_dict"].items()}, about)
    card = (folder / model_card.FILE).read_text(encoding="utf-8").replace(model_card.LICENCE, LICENCE)
    card = card.replace("license: other", "license: mit").replace("network.safetensors", target.name)
    target.with_suffix(".md").write_text(card, encoding="utf-8")


def main() -> None:
    """Train, and store what was learned."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=OPTIONS)
    parser.add_argument("--photographs", type=Path, default=ROOT / "outputs" / "photographs", help="folder")
    parser.add_argument("--folder", type=Path, help="of the training; outputs/networks/<name>")
    parser.add_argument("--steps", type=int, help="of the optimiser")
    parser.add_argument("--seed", type=int, default=0, help="of parameters and crops")
    parser.add_argument("--out", type=Path, default=ROOT / "src" / "nst" / "assets", help="folder of the result")
    given = parser.parse_args()
    if not given.photographs.is_dir():
        raise SystemExit(f"{given.photographs} is no folder; run scripts/gather_photographs.py first")
    folder = given.folder or ROOT / "outputs" / "networks" / given.name
    given.out.mkdir(parents=True, exist_ok=True)
    train(given.name, given.photographs.resolve(), folder, given.steps or STEPS[given.name], given.seed)
    target = given.out / f"{given.name}.safetensors"
    export(folder, target)
    print(f"{target}: {target.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
