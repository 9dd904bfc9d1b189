"""Gather photographs from packages of Debian and of Python, with a table of their licences.

python scripts/gather_photographs.py                    # into outputs/photographs, about 300 MB of downloads

Debian's packages are downloaded by `apt-get download` and unpacked by `dpkg-deb`; neither needs root. Of scikit-image
and scikit-learn, what is installed is taken. Of a picture in several sizes, the largest is kept. Drawings are
recognised by their flat areas: in a photograph, few positions have no second difference. `photographs.csv` lists
file, package, version, SHA-256 and licence; where a package doesn't say the licence of each file in Debian's machine-
readable form, the row names the package's file of licences, which is kept beside the pictures.
"""

import argparse
import csv
import hashlib
import importlib.util
import subprocess
import tempfile
from collections.abc import Iterator
from fnmatch import fnmatch
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
from PIL import Image

OUT = Path(__file__).resolve().parents[1] / "outputs" / "photographs"
PACKAGES = {
    "gnome-backgrounds": "usr/share/backgrounds",
    "lomiri-wallpapers-16.04": "usr/share/backgrounds",
    "lomiri-wallpapers-20.04": "usr/share/backgrounds",
    "mate-backgrounds": "usr/share/backgrounds",
    "opencv-doc": "usr/share/doc/opencv-doc/examples",
    "plasma-workspace-wallpapers": "usr/share/wallpapers",
    "ukui-wallpapers": "usr/share/backgrounds",
}
"""Debian package -> its folder of pictures."""

SAMPLES = {
    "scikit-image": ("skimage", "data", "astronaut brick coffee grass gravel hubble_deep_field rocket"),
    "scikit-learn": ("sklearn", "datasets/images", "china flower"),
}
"""Python package -> module, folder, and the names of pictures that it documents as CC0, public domain or CC BY."""

PYTHON_LICENCES = {"scikit-image": "CC0 or public domain (skimage.data)", "scikit-learn": "CC BY (README.txt)"}
LEFT_OUT = (
    "*screenshot* *starry_night* *chessboard* left* right* mask* digits* letter* *segmented* *defocus* "
    "ellipses* sudoku*"
)
"""Previews, calibration targets, scans, and a painting that pictures are judged with."""

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}
SMALLEST = 400  # pixels, shorter edge
FLATTEST = 0.36  # share of positions without a second difference; drawings have more


def flatness(image: Image.Image) -> float:
    """Return the share of positions whose Laplacian is under 1 of 255, at a shorter edge of 512 pixels."""
    scale = 512 / min(image.size)
    small = image.resize((round(image.width * scale), round(image.height * scale)), Image.Resampling.LANCZOS)
    grey = np.asarray(small, np.float32).mean(2)
    around = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:]
    return float((np.abs(4 * grey[1:-1, 1:-1] - around) < 1).mean())


def licences(copyright_file: Path) -> list[tuple[str, str]]:
    """Return the patterns of files and their licences, in order, of a machine-readable copyright file; else nothing."""
    text = copyright_file.read_text(encoding="utf-8", errors="replace")
    found = []
    for paragraph in text.split("\n\n"):
        fields: dict[str, list[str]] = {}
        for line in paragraph.splitlines():
            if line[:1].strip() and ":" in line:
                key, _, value = line.partition(":")
                fields[key.strip().lower()] = [value]
            elif fields:
                fields[list(fields)[-1]].append(line)
        if "files" in fields and "license" in fields:
            name = fields["license"][0].strip()
            found += [(pattern, name) for pattern in " ".join(fields["files"]).split()]
    return found


def licence_of(path: Path, patterns: list[tuple[str, str]]) -> str | None:
    """Return the licence of the last pattern that fits the end of a path: Debian's rule, for installed files."""
    names = ["/".join(path.parts[-n:]) for n in range(1, len(path.parts) + 1)]
    fitting = [name for pattern, name in patterns if any(fnmatch(one, pattern) for one in names)]
    return fitting[-1] if fitting else None


def candidates(folder: Path) -> Iterator[Path]:
    """Yield the picture files of a folder, of each subfolder of sizes (1920x1080.jpg, ...) the largest."""
    largest: dict[Path, tuple[int, Path]] = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() not in SUFFIXES or any(fnmatch(path.name, pattern) for pattern in LEFT_OUT.split()):
            continue
        if not path.stem.replace("x", "", 1).isdigit():
            yield path
        elif path.stat().st_size > largest.get(path.parent, (0, path))[0]:
            largest[path.parent] = path.stat().st_size, path
    yield from (path for _, path in largest.values())


def take(path: Path, out: Path, name: str) -> Path | None:
    """Save a photograph as a PNG with a shorter edge of at most 1024 pixels; return None for anything else."""
    try:
        with Image.open(path) as file:
            image = file.convert("RGB")
    except OSError:
        return None
    if min(image.size) < SMALLEST or flatness(image) > FLATTEST:
        return None
    scale = min(1.0, 1024 / min(image.size))
    target = out / f"{name}.png"
    size = (round(image.width * scale), round(image.height * scale))
    image.resize(size, Image.Resampling.LANCZOS).save(target, compress_level=1)
    return target


def debian(name: str, out: Path) -> Iterator[dict[str, str]]:
    """Download and unpack a package, and yield a row for each of its photographs."""
    with tempfile.TemporaryDirectory() as folder:
        where = Path(folder)
        subprocess.run(["apt-get", "-qq", "download", name], cwd=where, check=True, capture_output=True)
        (file,) = where.glob("*.deb")
        shown = subprocess.run(["dpkg-deb", "-f", file, "Version"], check=True, capture_output=True, text=True)
        subprocess.run(["dpkg-deb", "-x", file, where / "x"], check=True)
        told = where / "x" / "usr/share/doc" / name / "copyright"
        (out / f"{name}.copyright").write_bytes(told.read_bytes())
        patterns = licences(told)
        root = where / "x" / PACKAGES[name]
        for path in candidates(root):
            short = path.relative_to(root).with_suffix("").as_posix().replace("/", "_")
            if saved := take(path, out, f"{name}_{short}"):
                licence = licence_of(path.relative_to(where / "x"), patterns) or f"see {name}.copyright"
                yield row(saved, name, shown.stdout.strip(), path, licence)


def python(name: str, out: Path) -> Iterator[dict[str, str]]:
    """Yield a row for each documented photograph of an installed Python package."""
    module, folder, stems = SAMPLES[name]
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        print(f"{name} is not installed: without its pictures")
        return
    root = Path(spec.origin).parent / folder
    for stem in stems.split():
        for path in sorted(root.glob(f"{stem}.*")):
            if path.suffix in SUFFIXES and (saved := take(path, out, f"{name}_{stem}")):
                yield row(saved, name, version(name), path, PYTHON_LICENCES[name])


def row(saved: Path, package: str, its_version: str, original: Path, licence: str) -> dict[str, str]:
    """Return a row of the table; the hash is the original file's."""
    digest = hashlib.sha256(original.read_bytes()).hexdigest()
    return {"file": saved.name, "package": package, "version": its_version, "sha256": digest, "licence": licence}


def main() -> None:
    """Gather, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=OUT, help="folder of the pictures and of photographs.csv")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    rows = []
    for name in PACKAGES:
        try:
            rows += debian(name, given.out)
        except (OSError, subprocess.CalledProcessError) as error:
            print(f"{name} can't be had: without its pictures ({error})")
    for name in SAMPLES:
        try:
            rows += python(name, given.out)
        except PackageNotFoundError as error:
            print(f"{name}: without its pictures ({error})")
    if not rows:
        raise SystemExit("no photograph could be gathered; needs apt-get with Debian's package lists, or scikit-image")
    with (given.out / "photographs.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    print(f"{len(rows)} photographs in {given.out}")


if __name__ == "__main__":
    main()
