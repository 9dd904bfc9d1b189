# ruff: noqa: E501 - a row of the table is a line
"""Files that are not what their names say: each maker leaves one in a folder."""

import io
import json
import os
import pickle
import struct
import zipfile
import zlib
from collections.abc import Callable

import numpy as np
import torch
from PIL import Image
from PIL.PngImagePlugin import PngInfo


def encoded(kind: str, size: tuple[int, int] = (40, 30), mode: str = "RGB", **options: object) -> bytes:
    out = io.BytesIO()
    Image.new(mode, size).save(out, kind, **options)
    return out.getvalue()


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(width: int, height: int, *more: bytes) -> bytes:
    """A PNG whose head promises a size, whatever follows."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(more) + chunk(b"IEND", b"")


def text_bomb() -> bytes:
    """A small PNG with a text field that grows two thousandfold."""
    return png(
        8, 8, chunk(b"zTXt", b"a\0\0" + zlib.compress(b"x" * 200_000_000)), chunk(b"IDAT", zlib.compress(b"\0" * 200))
    )


def flipped(data: bytes, at: float) -> bytes:
    place = int(len(data) * at)
    return data[:place] + bytes([data[place] ^ 0xFF]) + data[place + 1 :]


class Evil:
    def __reduce__(self) -> tuple[Callable[..., object], tuple[str]]:
        return os.system, ("touch owned",)


def saved(value: object) -> bytes:
    out = io.BytesIO()
    torch.save(value, out)
    return out.getvalue()


def zipped(**members: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return out.getvalue()


def with_recipe(text: object) -> bytes:
    info = PngInfo()
    info.add_itxt("nst-recipe", text if isinstance(text, str) else json.dumps(text))
    out = io.BytesIO()
    Image.new("RGB", (4, 4)).save(out, "png", pnginfo=info)
    return out.getvalue()


def recipe(**config: object) -> dict[str, object]:
    fields: dict[str, object] = {"choices": {}, "sources": {}, "versions": {}, "threads": 1}
    return fields | {"config": config, "device": "cpu", "command": "", "pixels": ""}


def sum_of_pixels() -> bytes:
    out = io.BytesIO()
    np.save(out, np.zeros((4, 4)))
    return out.getvalue()


GOOD = encoded("png")
JPEG = encoded("jpeg")
PICTURES: dict[str, tuple[bytes, str]] = {
    "empty.png": (b"", "is empty"),
    "one_byte.png": (b"\x89", "not a picture"),
    "zeros.png": (bytes(1000), "not a picture"),
    "text.jpg": (b"hello, I am a picture", "not a picture"),
    "html.jpg": (b"<html><body>404</body></html>", "not a picture"),
    "program.png": (b"#!/bin/sh\ntouch owned\n", "not a picture"),
    "svg.svg": (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "not a picture"),
    "pdf.png": (b"%PDF-1.4\n%%EOF", "not a picture"),
    "movie.mp4": (b"\0\0\0\x18ftypmp42" + bytes(100), "is a film"),
    "archive.png": (zipped(a=b"1"), "not a picture"),
    "array.npy": (sum_of_pixels(), "not a picture"),
    "pickle.png": (pickle.dumps(Evil()), "not a picture"),
    "postscript.eps": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 40 30\n(owned) (w) file\n%%EOF\n", "not a picture"),
    "head_only.png": (GOOD[:33], "not a picture"),
    "half.png": (GOOD[: len(GOOD) // 2], "damaged or cut off"),
    "signature.png": (GOOD[:8], "not a picture|damaged or cut off"),
    "half.jpg": (JPEG[: len(JPEG) // 2], "damaged or cut off|not a picture"),
    "tail.jpg": (encoded("jpeg", (400, 300), quality=100)[:-900], "damaged or cut off"),
    "half.webp": (encoded("webp")[:40], "damaged or cut off|not a picture"),
    "half.tif": (encoded("tiff")[:100], "damaged or cut off|not a picture"),
    "half.gif": (encoded("gif", mode="P")[:20], "damaged or cut off|not a picture"),
    "half.bmp": (encoded("bmp")[:60], "damaged or cut off|not a picture"),
    "half.ico": (encoded("ico")[:30], "damaged or cut off|not a picture"),
    "half.jp2": (encoded("jpeg2000")[:90], "damaged or cut off|not a picture"),
    "half.ppm": (encoded("ppm")[:60], "damaged or cut off|not a picture"),
    "half.tga": (encoded("tga")[:20], "damaged or cut off|not a picture"),
    "sum.png": (flipped(encoded("png", (400, 300)), 0.6), "damaged or cut off"),
    "head_flipped.png": (flipped(GOOD, 0.24), "damaged or cut off|not a picture"),
    "no_pixels.png": (png(8, 8), "damaged or cut off"),
    "width_zero.png": (png(0, 8, chunk(b"IDAT", zlib.compress(b"\0"))), "not a picture|at least 2 x 2|damaged"),
    "one_line.png": (encoded("png", (400, 1)), "at least 2 x 2"),
    "one_column.png": (encoded("png", (1, 400)), "at least 2 x 2"),
    "one_pixel.png": (encoded("png", (1, 1)), "at least 2 x 2"),
    "bomb.png": (png(60_000, 60_000, chunk(b"IDAT", zlib.compress(bytes(1000)))), "over the limit of 200"),
    "wide_bomb.png": (png(2_000_000_000, 2, chunk(b"IDAT", b"")), "over the limit of 200"),
    "bomb.gif": (b"GIF89a" + struct.pack("<HH", 65535, 65535) + b"\xf0\0\0" + bytes(6) + b",\0\0\0\0\xff\xff\xff\xff\0\x02\x02\x44\x01\0;", "over the limit"),
    "bomb.bmp": (b"BM" + struct.pack("<IHHIIiiHHIIiiII", 100, 0, 0, 54, 40, 99999, 99999, 1, 24, 0, 0, 0, 0, 0, 0), "over the limit"),
    "text_bomb.png": (text_bomb(), "damaged or cut off"),
    "short_pixels.png": (png(100, 100, chunk(b"IDAT", zlib.compress(bytes(50)))), "damaged or cut off"),
    "thin.png": (encoded("png", (4000, 2)), "is too small|would be"),
}  # fmt: skip
"""Name -> (bytes, a part of the line that a user gets, or several to choose from)."""

SQUEEZE = "features.0.weight"
CHECKPOINTS: dict[str, tuple[bytes, str]] = {
    "empty.pth": (b"", "can't be read"),
    "text.pth": (b"hello", "can't be read"),
    "zeros.pth": (bytes(2000), "can't be read"),
    "html.pth": (b"<html>404 not found</html>", "can't be read"),
    "evil.pth": (saved({"a": Evil()}), "can't be read"),
    "evil_pickle.pth": (pickle.dumps(Evil()), "can't be read"),
    "module.pth": (saved(torch.nn.Conv2d(3, 3, 1)), "can't be read"),
    "list.pth": (saved([torch.zeros(2)]), "holds no state dict"),
    "tensor.pth": (saved(torch.zeros(2)), "holds no state dict"),
    "number.pth": (saved(3), "holds no state dict"),
    "nothing.pth": (saved({}), "holds no state dict"),
    "texts.pth": (saved({"a": "b"}), "holds no state dict"),
    "numbers.pth": (saved({1: torch.zeros(2)}), "holds no state dict"),
    "empty_name.pth": (saved({"": torch.zeros(2)}), "holds no state dict"),
    "nested.pth": (saved({"state_dict": {}}), "holds no state dict"),
    "others.pth": (saved({"layer1.weight": torch.zeros(2)}), "lacks|does not fit|missing"),
    "shape.pth": (saved({SQUEEZE: torch.zeros(2)}), "lacks|does not fit|missing|shape|size"),
    "half.pth": (saved({SQUEEZE: torch.zeros(64, 3, 3, 3)})[:900], "can't be read"),
    "zip.pth": (zipped(a=b"1"), "can't be read"),
    "safetensors.pth": (struct.pack("<Q", 20) + b'{"a":{"dtype":"F32"}}', "can't be read"),
    "picture.pth": (GOOD, "can't be read"),
}

RECIPES: dict[str, tuple[bytes, str]] = {
    "none.png": (GOOD, "does not say how it was made"),
    "jpeg.jpg": (JPEG, "not a complete PNG"),
    "text.png": (b"hello", "not a complete PNG"),
    "half.png": (with_recipe(recipe())[:100], "not a complete PNG|does not say how it was made"),
    "empty_text.png": (with_recipe(""), "is damaged"),
    "list.png": (with_recipe([]), "is damaged"),
    "number.png": (with_recipe("3"), "is damaged"),
    "deep.png": (with_recipe("[" * 100_000), "is damaged"),
    "fields.png": (with_recipe({"config": {}}), "is damaged"),
    "config_list.png": (with_recipe(recipe() | {"config": []}), "is damaged"),
    "threads_text.png": (with_recipe(recipe() | {"threads": "4"}), "is damaged"),
    "threads_true.png": (with_recipe(recipe() | {"threads": -3}), "is damaged|threads"),
    "no_choices.png": (with_recipe(recipe()), "is damaged|lacks"),
    "system.png": (with_recipe(recipe(optimizer={"_target_": "os.system"})), "wants to build 'os.system'"),
    "hub.png": (with_recipe(recipe(optimizer={"_target_": "torch.hub.load"})), "wants to build 'torch.hub.load'"),
    "load.png": (with_recipe(recipe(optimizer={"_target_": "torch.load"})), "wants to build 'torch.load'"),
    "write.png": (with_recipe(recipe(optimizer={"_target_": "nst.utils.files.write"})), "wants to build 'nst.utils.files.write'"),
    "launch.png": (with_recipe(recipe(method={"_target_": "nst.cli.launch"})), "wants to build 'nst.cli.launch'"),
    "fetch.png": (with_recipe(recipe(init={"_target_": "nst.data.download.fetch"})), "wants to build 'nst.data.download.fetch'"),
    "instantiate.png": (with_recipe(recipe(init={"_target_": "hydra.utils.instantiate"})), "wants to build"),
    "hidden.png": (with_recipe(recipe(a=[{"b": {"_target_": "subprocess.Popen"}}])), "wants to build"),
    "environment.png": (with_recipe(recipe(name="${oc.env:HOME}")), "plain values only"),
    "target_list.png": (with_recipe(recipe(init={"_target_": ["nst.cli.launch"]})), "wants to build"),
    "profiler.png": (with_recipe(recipe(trainer={"_target_": "lightning.pytorch.profilers.SimpleProfiler"})), "wants"),
}  # fmt: skip
