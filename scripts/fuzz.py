"""Feed damaged pictures, checkpoints and run states to the code that reads them, and report every crash.

    python scripts/fuzz.py --seconds 300 --seed 1

Each file is a valid one with bytes changed, removed, doubled or set to extreme values. It may be read, or refused with
a one-line ValueError or OSError. Anything else is a bug: it is printed with its seed, and the exit code is 1.
"""

import argparse
import faulthandler
import io
import random
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image, features
from PIL.PngImagePlugin import PngInfo

from nst.backbones import weights
from nst.callbacks.checkpoint import read as read_state
from nst.data import image_io
from nst.experiment import provenance

EXTREMES = (
    b"\0",
    b"\xff",
    b"\x7f",
    b"\x80",
    b"\xff\xff\xff\xff",
    b"\x7f\xff\xff\xff",
    b"\0\0\0\0",
    b"%n",
    b"../",
    b"${",
)


def pictures() -> dict[str, bytes]:
    """Return small valid pictures in every format that Pillow writes here: name -> bytes."""
    kinds = {"png": {}, "jpeg": {"exif": b"Exif\0\0MM\0*\0\0\0\x08\0\0"}, "gif": {}, "tiff": {}, "bmp": {}, "webp": {}}
    kinds |= {"ppm": {}, "tga": {}, "ico": {}, "pcx": {}, "sgi": {}, "dds": {}}
    kinds |= {"jpeg2000": {}} if features.check("jpg_2000") else {}
    kinds |= {"avif": {}} if features.check("avif") else {}
    out = {}
    for mode in ("RGB", "RGBA", "L", "P", "CMYK", "I;16"):
        for kind, options in kinds.items():
            data = io.BytesIO()
            try:
                source = Image.fromarray(np.random.default_rng(0).integers(0, 256, (18, 24), np.uint8))
                source.convert(mode).save(data, kind, **options)
            except (OSError, ValueError):  # the format does not have this mode
                continue
            out[f"{mode}.{kind}"] = data.getvalue()
    return out


def checkpoint() -> bytes:
    """Return a small state dict."""
    out = io.BytesIO()
    torch.save({"features.0.weight": torch.rand(4, 3, 3, 3), "features.0.bias": torch.rand(4)}, out)
    return out.getvalue()


def run_state() -> bytes:
    """Return a small `last.ckpt` of a run."""
    facts = {"config": "x", "sources": {}, "versions": {}, "threads": 1, "device": "cpu", "level": 1, "over": True}
    facts |= {"seconds": 1.0, "saved": 1.0, "step": 3, "levels": []}
    out = io.BytesIO()
    torch.save({"nst": facts, "kept": {"pixels": torch.rand(1, 3, 8, 8), "memory": {}}, "callbacks": {}}, out)
    return out.getvalue()


def with_recipe() -> bytes:
    """Return a small PNG with the settings it was made by."""
    made = provenance.Provenance(
        {"method": {"_target_": "nst.methods.ImageMethod"}, "size": 8}, {}, {}, {"nst": "0"}, 1, "cpu", "", ""
    )
    info, out = PngInfo(), io.BytesIO()
    for key, value in made.text().items():
        info.add_text(key, value)  # uncompressed, so that the changes hit the text itself
    Image.new("RGB", (8, 8)).save(out, "png", pnginfo=info)
    return out.getvalue()


def damaged(data: bytes, dice: random.Random) -> bytes:
    """Return the data with one to six random changes."""
    for _ in range(dice.randint(1, 6)):
        if not data:
            break
        at, length = dice.randrange(len(data)), dice.choice((1, 2, 4, 16, 200))
        piece = dice.choice(
            (
                bytes([dice.randrange(256)]),
                dice.choice(EXTREMES),
                data[at : at + length] * 2,
                dice.randbytes(length),
                b"",
            )
        )
        end = at + (len(piece) if dice.random() < 0.7 else length)
        data = data[:at] + piece + data[end:]
    return data[: dice.randrange(len(data) + 1)] if dice.random() < 0.1 else data


def main() -> int:
    """Fuzz for a given time and print the counts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    faulthandler.enable()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    counts: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        targets = _targets(Path(folder))
        end, number = time.monotonic() + options.seconds, 0
        while time.monotonic() < end:
            dice = random.Random(f"{options.seed}/{number}")
            name, data, file, read = dice.choice(targets)
            file.write_bytes(damaged(data, dice))
            counts[_outcome(name, file, read, f"{options.seed}/{number}")] += 1
            number += 1
    for outcome, count in sorted(counts.items()):
        print(f"{count:8d} {outcome}")
    print(f"{number:8d} files in {options.seconds:g} s")
    return int(any("BUG" in outcome for outcome in counts))


def _targets(folder: Path) -> list[tuple[str, bytes, Path, Callable[[Path], object]]]:
    def load(path: Path) -> object:
        return image_io.load(path, max_megapixels=4)

    out = [("picture", data, folder / name, load) for name, data in pictures().items()]
    often = len(out) // 3
    out += [("checkpoint", checkpoint(), folder / "a.pth", weights.read)] * often
    out += [("recipe", with_recipe(), folder / "final.png", provenance.read)] * often
    out += [("state", run_state(), folder / "last.ckpt", lambda path: read_state(path.parent))] * often
    return out


def _outcome(name: str, file: Path, read: Callable[[Path], object], seed: str) -> str:
    start = time.monotonic()
    try:
        read(file)
    except (ValueError, OSError) as error:
        outcome = f"{name} refused" if "\n" not in str(error) else f"{name} BUG: more than a line"
    except Exception as error:
        traceback.print_exc(limit=-3)
        outcome = f"{name} BUG: {type(error).__name__}"
    else:
        outcome = f"{name} read"
    slow = time.monotonic() - start > 10
    if "BUG" in outcome or slow:
        print(f"{outcome}{' SLOW BUG' if slow else ''}: seed {seed}, {file.name}", flush=True)
    return f"{outcome} SLOW BUG" if slow else outcome


if __name__ == "__main__":
    sys.exit(main())
