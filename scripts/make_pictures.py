"""Paint the pictures of README.md and docs/ with today's defaults: `make pictures`.

python scripts/make_pictures.py                              # all of them, into docs/images
python scripts/make_pictures.py --only losses colour         # some
python scripts/make_pictures.py --scale 0.25 --out /tmp/try  # a quick try: small, elsewhere
python scripts/make_pictures.py --only pairs                 # docs/gallery.md, with ImageNet's networks

Every picture is a sheet of runs of `train.py`. They need nothing but this clone: photographs that come with
scikit-image, and the painted styles and networks that come with nst. `gallery` shows the page of a sweep in Debian's
chromium and is left alone where there is none. `network`, a short training, and `pairs`, which downloads ImageNet's
SqueezeNet and VGG-19, are painted only when they are named. On two cores that nobody else uses the others take about
ten to fifteen minutes, and `pairs` twenty.
"""

import argparse
import hashlib
import math
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import yaml
from PIL import Image, ImageDraw, ImageFilter, ImageFont
from skimage import data

ROOT = Path(__file__).resolve().parents[1]
LIMIT = 400_000  # bytes of a sheet
GAP, LABEL = 6, 24  # pixels
STYLES = {  # painted styles: `style=` -> the picture's name
    path.stem: option["asset"]
    for path in sorted((ROOT / "conf/style").glob("*.yaml"))
    if (option := yaml.safe_load(path.read_text())).get("asset")
}
TWO = "content=coffee style=[swirling_night,stained_glass]"
TRAINED_ON = "[astronaut,chelsea,rocket,camera,hubble_deep_field,moon,coins,brick,grass,gravel]"  # all but the coffee
BROWSER = (
    "--headless=new --no-sandbox --disable-gpu --hide-scrollbars --disable-background-networking"
    " --virtual-time-budget=5000"
)


@dataclass(frozen=True)
class Cell:
    """One picture of a sheet.

    Attributes:
        caption: What stands below it.
        choices: What `train.py` is given; nothing for a picture that is there already.
        picture: Gives that picture.
    """

    caption: str
    choices: str = ""
    picture: Callable[[], Image.Image] | None = None


@dataclass(frozen=True)
class Sheet:
    """Pictures side by side.

    Attributes:
        cells: Row by row.
        columns: How many in a row.
        width: Of a cell, pixels.
        size: Longest edge that is painted, pixels.
    """

    cells: Sequence[Cell]
    columns: int
    width: int
    size: int


def photograph(name: str) -> Image.Image:
    """Give a photograph of scikit-image."""
    return Image.fromarray(getattr(data, name)())


def style(name: str) -> Image.Image:
    """Give one of our painted styles."""
    return Image.open(ROOT / f"src/nst/assets/styles/{STYLES[name]}.jpg")


def cup() -> Image.Image:
    """Give the mask of docs/control.md: white where the cup is, with a soft edge."""
    mask = Image.new("L", (600, 400))
    ImageDraw.Draw(mask).ellipse((75, 15, 530, 385), fill=255)
    return mask.filter(ImageFilter.GaussianBlur(12))


def losses() -> list[str]:
    """Give the losses that are relative to their references, the default first."""
    names = {path.stem for path in (ROOT / "conf/loss").glob("*.yaml")} - {"gatys", "relative"}
    order = [
        "gram",
        "covariance",
        "meanstd",
        "wasserstein",
        "sliced",
        "histogram",
        "laplacian",
        "nnfm",
        "cnnmrf",
        "strotss",
    ]
    return ["relative", *(name for name in order if name in names), *sorted(names - {*order, "default", "_base"})]


SHEETS = {
    "hero": Sheet(
        [
            Cell("chelsea, swirling_night", "content=chelsea style=swirling_night"),
            Cell("coffee, stained_glass", "content=coffee style=stained_glass"),
            Cell("coffee, geometric_abstraction", "content=coffee style=geometric_abstraction"),
            Cell("chelsea, painted_wave", "content=chelsea style=painted_wave"),
        ],
        columns=2,
        width=440,
        size=448,
    ),
    "styles": Sheet([Cell(name, picture=lambda name=name: style(name)) for name in STYLES], 3, 320, 0),
    "styles_chelsea": Sheet([Cell(name, f"style={name}") for name in STYLES], 3, 320, 288),
    "losses": Sheet(
        [
            Cell("photograph", picture=lambda: photograph("coffee")),
            *(Cell(name, f"content=coffee style=swirling_night loss={name}") for name in losses()),
        ],
        columns=4,
        width=240,
        size=240,
    ),
    "regions": Sheet(
        [
            Cell("style.swirling_night.mask=cup.png", f"{TWO} style.swirling_night.mask=cup.png"),
            Cell("cup.png", picture=cup),
            Cell("both styles everywhere", f"{TWO} style.swirling_night.weight=2"),
            Cell("content.mask=cup.png", "content=coffee content.mask=cup.png"),
        ],
        columns=4,
        width=300,
        size=304,
    ),
    "colour": Sheet(
        [
            *(
                Cell(f"color={name}", f"content=coffee color={name}")
                for name in ["none", "keep_luminance", "match", "histogram", "luminance"]
            ),
            Cell("color=match color.after=keep_luminance", "content=coffee color=match color.after=keep_luminance"),
        ],
        columns=3,
        width=320,
        size=304,
    ),
    "backbones": Sheet(
        [
            Cell("backbone=wavelet", "content=coffee backbone=wavelet"),
            Cell(
                "backbone=squeezenet, random",
                "content=coffee backbone=squeezenet backbone.checkpoint=random",
            ),
            Cell("backbone=small_vgg19", "content=coffee color=none"),
        ],
        columns=3,
        width=320,
        size=304,
    ),
}
PAIRS = [
    ("chelsea", "swirling_night"),
    ("coffee", "stained_glass"),
    ("astronaut", "marbled_paper"),
    ("coffee", "geometric_abstraction"),
    ("chelsea", "painted_wave"),
    ("chelsea", "mosaic"),
]
BACKBONES = ["wavelet", "squeezenet_embedded", "small_vgg19", "squeezenet", "vgg19"]
NETWORK = f"method=multistyle style=[swirling_night,undulating_sunset] steps=200 data.names={TRAINED_ON}"
SHEETS |= {
    f"pair_{content}_{painting}": Sheet(
        [
            Cell(content, picture=lambda name=content: photograph(name)),
            *(Cell(f"backbone={name}", f"content={content} style={painting} backbone={name}") for name in BACKBONES),
        ],
        columns=3,
        width=400,
        size=400,
    )
    for content, painting in PAIRS
}
SWEEP = "size=192 style=mosaic,stained_glass,swirling_night weights.style=0.3,1,3 judge.lpips=null"


class Painter:
    """Run the programs in a folder of its own.

    Args:
        folder: For the runs.
        scale: Factor of every size and of the steps of a training.
        jobs: Runs at once.
        vgg19: A checkpoint of VGG-19; None: torchvision's.
    """

    def __init__(self, folder: Path, *, scale: float, jobs: int, vgg19: Path | None) -> None:
        self.folder, self.scale, self.jobs, self.vgg19 = folder, scale, jobs, vgg19
        self.threads = max(1, (os.cpu_count() or 1) // jobs)

    def program(self, *words: str) -> None:
        """Run a program of this clone.

        Raises:
            SystemExit: It failed; its last lines are shown.
        """
        done = subprocess.run([sys.executable, *words], cwd=self.folder, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"{shlex.join(words)}\n{(done.stdout + done.stderr)[-2000:]}")

    def size(self, edge: int) -> int:
        """Give a size to paint at."""
        return max(48, round(edge * self.scale))

    def cell(self, cell: Cell, size: int) -> Image.Image:
        """Paint one picture of a sheet, or give the one that is there or that another sheet has painted."""
        if cell.picture is not None:
            return cell.picture().convert("RGB")
        folder = hashlib.sha256(f"{cell.choices} {size}".encode()).hexdigest()[:16]
        final = self.folder / folder / "final.png"
        if not final.exists():
            fixed = ("judge=none", "timelapse=none", "logger=none", "checkpoint=none", f"threads={self.threads}")
            words = [*shlex.split(cell.choices), f"size={self.size(size)}", *fixed, f"hydra.run.dir={folder}"]
            if self.vgg19 and "backbone=vgg19" in words:
                words.append(f"backbone.checkpoint={self.vgg19.absolute()}")
            self.program(str(ROOT / "train.py"), *words)
        return Image.open(final).convert("RGB")

    def sheet(self, name: str) -> Image.Image:
        """Paint a sheet, several pictures at once."""
        sheet = SHEETS[name]
        cup().save(self.folder / "cup.png")
        with ThreadPoolExecutor(self.jobs) as pool:
            painted = list(pool.map(lambda cell: self.cell(cell, sheet.size), sheet.cells))
        return arranged([cell.caption for cell in sheet.cells], painted, sheet.columns, sheet.width)

    def network(self) -> Image.Image:
        """Train a network of two styles, and paint a photograph that it never saw."""
        words = shlex.split(NETWORK) + ([f"steps={round(200 * self.scale)}"] if self.scale < 1 else [])
        self.program(str(ROOT / "train.py"), *words, "logger=none", "hydra.run.dir=network")
        photograph("coffee").save(self.folder / "coffee.png")
        shown = [("the photograph", photograph("coffee"))]
        for title in ("swirling_night", "swirling_night:0.5,undulating_sunset:0.5", "undulating_sunset"):
            asked = (f"style={title}", f"size={self.size(512)}", "content=coffee.png", "output=painted.png")
            self.program(str(ROOT / "stylize.py"), "checkpoint=network/network.ckpt", *asked)
            shown.append((f"style={title}", Image.open(self.folder / "painted.png").convert("RGB")))
        return arranged([title for title, _ in shown], [image for _, image in shown], columns=2, width=400)

    def gallery(self) -> Image.Image | None:
        """Run a sweep and show its page; None where there is no browser."""
        browser = shutil.which("chromium")
        if browser is None:
            print("  left alone: no chromium here")
            return None
        fixed = ("-m", "timelapse=none", "logger=none", "hydra.sweep.dir=sweep")
        words = shlex.split(SWEEP.replace("size=192", f"size={self.size(192)}"))
        self.program(str(ROOT / "train.py"), *fixed, *words)
        shot = self.folder / "gallery.png"
        flags = (*shlex.split(BROWSER), "--window-size=1200,720", f"--screenshot={shot}")
        page = (self.folder / "sweep/gallery.html").as_uri()
        subprocess.run([browser, *flags, page], check=True, capture_output=True, timeout=120)
        return Image.open(shot).convert("RGB")


def arranged(captions: Sequence[str], images: Sequence[Image.Image], columns: int, width: int) -> Image.Image:
    """Lay pictures out in rows, each at the given width with its caption below."""
    cells = [
        image.resize((width, round(width * image.height / image.width)), Image.Resampling.LANCZOS) for image in images
    ]
    rows = [cells[n : n + columns] for n in range(0, len(cells), columns)]
    heights = [max(cell.height for cell in row) + LABEL + GAP for row in rows]
    page = Image.new("RGB", (columns * (width + GAP) + GAP, sum(heights) + GAP), "white")
    pen, font = ImageDraw.Draw(page), ImageFont.load_default(size=15)
    for n, (caption, cell) in enumerate(zip(captions, cells, strict=True)):
        x, y = GAP + n % columns * (width + GAP), GAP + sum(heights[: n // columns])
        page.paste(cell, (x, y))
        pen.text((x + 2, y + cell.height + 3), caption, fill="#1d1d1f", font=font)
    return page


def save(image: Image.Image, path: Path) -> None:
    """Write a JPEG of the best quality that fits the limit."""
    for quality in range(92, 40, -4):
        image.save(path, quality=quality, optimize=True, subsampling=0 if quality > 80 else 2)
        if path.stat().st_size <= LIMIT:
            return


def main() -> None:
    """Paint what is asked for."""
    pairs = [name for name in SHEETS if name.startswith("pair_")]
    names = [*SHEETS, "pairs", "network", "gallery"]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--only",
        nargs="+",
        choices=names,
        default=[*(name for name in SHEETS if name not in pairs), "gallery"],
        metavar="NAME",
        help=f"of {', '.join(names)}",
    )
    parser.add_argument("--vgg19", type=Path, help="checkpoint of VGG-19 (default: torchvision's download)")
    parser.add_argument("--out", type=Path, default=ROOT / "docs/images", help="folder (default: docs/images)")
    parser.add_argument("--scale", type=float, default=1.0, help="factor of all sizes (default: 1)")
    parser.add_argument("--jobs", type=int, default=math.ceil((os.cpu_count() or 1) / 2) + 1, help="runs at once")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        painter = Painter(Path(folder), scale=arguments.scale, jobs=arguments.jobs, vgg19=arguments.vgg19)
        for name in (name for asked in arguments.only for name in (pairs if asked == "pairs" else [asked])):
            print(name, flush=True)
            image = painter.sheet(name) if name in SHEETS else getattr(painter, name)()
            if image is not None:
                save(image, arguments.out / f"{name}.jpg")


if __name__ == "__main__":
    main()
