# ruff: noqa: E501 - a row of the table is a line
"""Files that were read wrongly, or refused: a row each, with the right value."""

import io
import struct
import zlib

import numpy as np
import pytest
import tifffile
import torch
from bad_files import chunk
from PIL import Image, ImageCms

from nst.data import colorimetry, decoding, formats, image_io, masks
from nst.data.decoding import FilePixels

H, W = 24, 40
RAMP = np.tile(np.linspace(0, 1, W), (H, 1))
BASE = np.stack([RAMP, np.tile(np.linspace(0, 1, H)[:, None], (1, W)), 0.5 * RAMP], axis=-1)
BASE_8 = (BASE * 255).round().astype(np.uint8)


def png(values, depth, kind, *more):
    """A PNG of (H, W) or (H, W, C) integers with chunks before its pixels."""
    height, width = values.shape[:2]
    flat = values.reshape(height, -1)
    if depth == 16:
        rows = [row.astype(">u2").tobytes() for row in flat]
    else:
        bits = np.unpackbits(flat.astype(np.uint8)[..., None], axis=-1)[..., 8 - depth :].reshape(height, -1)
        rows = [np.packbits(row).tobytes() for row in bits]
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0))
    data = chunk(b"IDAT", zlib.compress(b"".join(b"\0" + row for row in rows)))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(more) + data + chunk(b"IEND", b"")


def tiff(values, **options):
    out = io.BytesIO()
    tifffile.imwrite(out, values, metadata=None, **options)
    return out.getvalue()


def encoded(image, kind, **options):
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def exif(*entries, order="II", after=b""):
    """EXIF of (tag, type, count, four bytes), in this byte order."""
    ends = "<" if order == "II" else ">"
    rows = b"".join(struct.pack(f"{ends}HHI", tag, kind, count) + value for tag, kind, count, value in entries)
    head = order.encode() + struct.pack(f"{ends}HI", 42, 8)
    return b"Exif\0\0" + head + struct.pack(f"{ends}H", len(entries)) + rows + struct.pack(f"{ends}I", 0) + after


def turned(data):
    """A JPEG stored lying, to be turned by its orientation 6."""
    return encoded(Image.fromarray(BASE_8).transpose(Image.Transpose.ROTATE_90), "JPEG", quality=98, exif=data)


SIX, SIX_BIG = (0x112, 3, 1, struct.pack("<HH", 6, 0)), (0x112, 3, 1, struct.pack(">HH", 6, 0))
NEGATIVE = (0x11A, 10, 1, struct.pack("<I", 38))
JPEG = encoded(Image.fromarray(BASE_8), "JPEG", quality=98)
PROGRESSIVE = encoded(Image.fromarray(BASE_8), "JPEG", quality=98, progressive=True)
RESTARTS = encoded(Image.fromarray(BASE_8), "JPEG", quality=98, restart_marker_blocks=1)
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def linear_profile():
    """sRGB's profile with tone curves that are the identity."""
    data = bytearray(SRGB)
    count = struct.unpack(">I", data[128:132])[0]
    for i in range(count):
        name, at = struct.unpack(">4sI", data[132 + 12 * i : 140 + 12 * i])
        if name.endswith(b"TRC"):
            data[at : at + 12] = b"curv" + bytes(8)
    return bytes(data)


def grey_profile():
    """A profile of grey in linear light."""
    white, curve = b"XYZ \0\0\0\0" + struct.pack(">3I", 63190, 65536, 54061), b"curv" + bytes(8)
    tags = struct.pack(">I4sII4sII", 2, b"wtpt", 156, 20, b"kTRC", 176, 12)
    head = struct.pack(">I4sI4s4s4s12x4s", 188, b"none", 0x02400000, b"mntr", b"GRAY", b"XYZ ", b"acsp")
    return head.ljust(128, b"\0") + tags + white + curve


def bright(values):
    return np.where(values <= 0.0031308, 12.92 * values, 1.055 * np.maximum(values, 1e-9) ** (1 / 2.4) - 0.055)


def grey(values):
    return np.repeat(np.asarray(values)[..., None], 3, axis=-1)


palette = Image.fromarray(BASE_8).quantize(64)
PALETTE = np.asarray(palette.convert("RGB")) / 255
SIXTEEN = (RAMP * 65535).round().astype(np.uint16)

READ = {
    # file, right RGB, words of the note or None
    "EXIF: a negative rational": (turned(exif(SIX, (0x9204, 10, 1, struct.pack("<I", 38)), after=struct.pack("<ii", -1, 3))), BASE, None),
    "EXIF: a resolution below 0": (turned(exif(SIX, NEGATIVE, after=struct.pack("<ii", -72, 1))), BASE, None),
    "EXIF: a text where a number is due": (turned(exif(SIX, (0x11A, 2, 4, b"abc\0"))), BASE, None),
    "EXIF: an orientation in a text": (encoded(Image.fromarray(BASE_8), "JPEG", quality=98, exif=exif((0x112, 2, 2, b"6\0\0\0"))), BASE, None),
    "EXIF: no such orientation": (encoded(Image.fromarray(BASE_8), "JPEG", quality=98, exif=exif((0x112, 3, 1, struct.pack("<HH", 99, 0)))), BASE, None),
    "EXIF: garbage after the orientation": (turned(exif(SIX, (0x8769, 4, 1, b"\xff\xff\xff\x7f"), after=b"\xff" * 99)), BASE, None),
    "EXIF: more entries than there are": (turned(exif(SIX)[:14] + b"\x63\x00" + exif(SIX)[16:]), BASE, None),
    "EXIF: a big-endian one with an odd number": (turned(exif(SIX_BIG, (0x11A, 5, 1, struct.pack(">I", 9999)), order="MM")), BASE, None),
    "EXIF: nothing but noise": (encoded(Image.fromarray(BASE_8), "JPEG", quality=98, exif=b"Exif\0\0" + b"\x99" * 40), BASE, None),
    "TIFF: an orientation": (tiff(np.rot90(BASE_8).copy(), photometric="rgb", extratags=[(274, 3, 1, 6, True)]), BASE, None),
    "JPEG: no end mark": (JPEG[:-2], BASE, "lacks the end mark"),
    "JPEG: half an end mark": (JPEG[:-1], BASE, "lacks the end mark"),
    "JPEG: progressive, no end mark": (PROGRESSIVE[:-2], BASE, "lacks the end mark"),
    "JPEG: restarts, no end mark": (RESTARTS[:-2], BASE, "lacks the end mark"),
    "PNG: no end": (png(BASE_8, 8, 2)[:-12], BASE, None),
    "grey in 16 bits": (png(SIXTEEN, 16, 0), grey(RAMP), None),
    "grey in 16 bits, one value transparent": (png(SIXTEEN, 16, 0, chunk(b"tRNS", struct.pack(">H", 0))), grey(RAMP), None),
    "grey in 16 bits, linear light": (png(SIXTEEN, 16, 0, chunk(b"gAMA", struct.pack(">I", 100000))), grey(bright(RAMP)), None),
    "grey in 16 bits, a grey profile": (png(SIXTEEN, 16, 0, chunk(b"iCCP", b"x\0\0" + zlib.compress(grey_profile()))), grey(bright(RAMP)), None),
    "linear light": (png(BASE_8, 8, 2, chunk(b"gAMA", struct.pack(">I", 100000))), bright(BASE), None),
    "an old Macintosh's gamma": (png(BASE_8, 8, 2, chunk(b"gAMA", struct.pack(">I", 55556))), bright(BASE**1.8), None),
    "gamma, but sRGB": (png(BASE_8, 8, 2, chunk(b"sRGB", b"\0"), chunk(b"gAMA", struct.pack(">I", 100000))), BASE, None),
    "sRGB's own gamma": (png(BASE_8, 8, 2, chunk(b"gAMA", struct.pack(">I", 45455))), BASE, None),

    "a palette with a profile": (encoded(palette, "PNG", icc_profile=linear_profile()), bright(PALETTE), None),
    "float: 0 to 1.0001": (tiff((RAMP * 1.0001).astype(np.float32)), grey(RAMP), "lie outside 0 to 1"),
    "float: 0 to 1": (tiff(RAMP.astype(np.float32)), grey(RAMP), None),
    "float: dark": (tiff((RAMP / 4).astype(np.float32)), grey(RAMP / 4), None),
    "float: 64 bits": (tiff(RAMP), grey(RAMP), None),
    "float: 16 bits": (tiff(RAMP.astype(np.float16)), grey(RAMP), None),
    "float: 0 to 255, as its tags say": (tiff((RAMP * 255).astype(np.float32), extratags=[(340, 11, 1, 0.0, True), (341, 11, 1, 255.0, True)]), grey(RAMP), None),
    "float: 0 to 255, and no tags": (tiff((RAMP * 255).astype(np.float32)), grey(np.clip(RAMP * 255, 0, 1)), "lie outside 0 to 1"),
    "float: below 0": (tiff((RAMP - 0.5).astype(np.float32)), grey(np.clip(RAMP - 0.5, 0, 1)), "50.0 % of the values lie outside"),
    "float: RGB": (tiff(BASE.astype(np.float32), photometric="rgb"), BASE, None),
    "float: RGB in planes": (tiff(np.moveaxis(BASE, -1, 0).astype(np.float32), photometric="rgb", planarconfig="separate"), BASE, None),
    "float: RGB in 64 bits, compressed": (tiff(BASE, photometric="rgb", compression="zlib"), BASE, None),
    "float: RGB, over 1": (tiff((BASE * 2).astype(np.float32), photometric="rgb"), np.clip(BASE * 2, 0, 1), "lie outside 0 to 1"),
    "float: RGB, lying": (tiff(np.rot90(BASE).astype(np.float32), photometric="rgb", extratags=[(274, 3, 1, 6, True)]), BASE, None),
    "int32: 0 to 255": (tiff((RAMP * 255).round().astype(np.int32)), grey(RAMP), "its largest value, 255, is white"),
    "int32: to its end": (tiff((RAMP * (2**31 - 1)).astype(np.int32)), grey(RAMP), "is white"),
    "uint32: to its end": (tiff((RAMP * (2**32 - 1)).astype(np.uint32)), grey(RAMP), "is white"),
    "uint32: a range in tags": (tiff((RAMP * 1000).round().astype(np.uint32), extratags=[(340, 4, 1, 0, True), (341, 4, 1, 2000, True)]), grey(RAMP / 2), None),
    "int16": (tiff((RAMP * 32767).round().astype(np.int16)), grey(RAMP), None),
    "12 bits in 16, as its tag says": (tiff((RAMP * 4095).round().astype(np.uint16), extratags=[(281, 3, 1, 4095, True)]), grey(RAMP), None),
    "white is 0, in 16 bits": (tiff(65535 - SIXTEEN, photometric="miniswhite"), grey(RAMP), None),
    "white is 0, in 8 bits": (tiff(255 - (RAMP * 255).round().astype(np.uint8), photometric="miniswhite"), grey(RAMP), None),
    "white is 0, in floats": (tiff((1 - RAMP).astype(np.float32), photometric="miniswhite"), grey(RAMP), None),
    "uint32: RGB": (tiff((BASE * (2**32 - 1)).astype(np.uint32), photometric="rgb"), BASE, "is white"),
}  # fmt: skip


@pytest.mark.parametrize("name", READ)
def test_what_is_read(tmp_path, name):
    data, right, note = READ[name]
    path = tmp_path / "a.picture"
    path.write_bytes(data)
    found = image_io.load(path)
    rgb = found.rgb[0].permute(1, 2, 0).numpy()
    assert rgb.shape == right.shape
    assert np.abs(rgb - right).mean() < 0.02  # JPEG, 8-bit profiles
    assert np.abs(rgb - right).max() < 0.16  # dark values of linear light in 8 bits
    assert len(found.notes) == (note is not None)
    assert note is None or (note in found.notes[0] and "a.picture" in found.notes[0])


REFUSED = {
    "float: NaN": (tiff(np.where(RAMP == 1, np.nan, RAMP).astype(np.float32)), "24 NaN or infinite values"),
    "float: infinity": (tiff(np.where(RAMP == 1, np.inf, RAMP).astype(np.float32)), "NaN or infinite value"),
    "float: RGB with NaN": (tiff(np.where(BASE == 1, np.nan, BASE).astype(np.float32), photometric="rgb"), "64 NaN or infinite values"),
    "JPEG: half of it": (JPEG[: len(JPEG) // 2], "damaged or cut off"),
    "JPEG: its last pixels are missing": (JPEG[:-12], "damaged or cut off"),
    "JPEG: progressive, its last pixels are missing": (PROGRESSIVE[:-12], "damaged or cut off"),
    "JPEG: cut at a restart": (RESTARTS[: RESTARTS.rindex(b"\xff\xd0")], "damaged or cut off"),
    "transparent everywhere": (encoded(Image.new("RGBA", (8, 8), (200, 0, 0, 0)), "PNG"), "transparent everywhere"),
    "a float TIFF that is cut off": (tiff(BASE.astype(np.float32), photometric="rgb")[:-2000], "damaged or cut off"),
    "four floats that are no colours": (tiff(np.zeros((8, 8, 4), np.float32), photometric="separated"), "neither grey nor"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_in_one_line_that_names_the_file(tmp_path, name):
    data, words = REFUSED[name]
    (tmp_path / "a.picture").write_bytes(data)
    with pytest.raises(ValueError, match="a.picture") as refused:
        image_io.load(tmp_path / "a.picture")
    assert words in str(refused.value) and "\n" not in str(refused.value)


TRANSPARENT = {
    "1 bit": (np.arange(W * H).reshape(H, W) % 2, 1, 0, struct.pack(">H", 1), 1),
    "2 bits": (np.arange(W * H).reshape(H, W) % 4, 2, 0, struct.pack(">H", 1), 1),
    "4 bits": (np.arange(W * H).reshape(H, W) % 16, 4, 0, struct.pack(">H", 7), 7),
    "8 bits": (np.arange(W * H).reshape(H, W) % 256, 8, 0, struct.pack(">H", 7), 7),
    "16 bits": (SIXTEEN, 16, 0, struct.pack(">H", int(SIXTEEN[0, 3])), SIXTEEN[0, 3]),
    "RGB": (BASE_8, 8, 2, struct.pack(">3H", *BASE_8[5, 3]), BASE_8[5, 3]),
    "RGB in 16 bits": ((BASE * 65535).astype(int), 16, 2, struct.pack(">3H", *(BASE[5, 3] * 65535).astype(int)), (BASE[5, 3] * 65535).astype(int)),
}  # fmt: skip


@pytest.mark.parametrize("name", TRANSPARENT)
def test_a_transparent_value_of_a_png(tmp_path, name):
    values, depth, kind, told, hidden = TRANSPARENT[name]
    path = tmp_path / "a.png"
    path.write_bytes(png(values, depth, kind, chunk(b"tRNS", told)))
    alpha = image_io.load(path).alpha
    right = (values != hidden) if values.ndim == 2 else (values != hidden).any(-1)
    assert 0 < right.mean() < 1
    assert np.array_equal(alpha[0, 0].numpy(), right)


def cut_out(hidden, kind="PNG", mode="RGBA"):
    """A painting with a hole, half transparent at its border, that hides a colour."""
    y, x = np.mgrid[:H, :W]
    distance = np.hypot(x - W / 2, y - H / 2)
    alpha = np.clip((distance - 6) / 3, 0, 1)
    rgb = np.where(alpha[..., None] > 0, BASE, np.array(hidden) / 255)
    image = Image.fromarray((np.dstack([rgb, alpha]) * 255).round().astype(np.uint8))
    return encoded(image.convert(mode), kind, **({"exact": True, "lossless": True} if kind == "WEBP" else {}))


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF", "TGA"])
@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_hidden_colours_are_not_read(tmp_path, kind, mode):
    found = []
    for hidden in ((0, 0, 0), (255, 0, 255), (255, 255, 255)):
        (tmp_path / "a").write_bytes(cut_out(hidden, kind, mode if kind != "WEBP" else "RGBA"))
        found.append(image_io.load(tmp_path / "a"))
    assert all(torch.equal(one.rgb, found[0].rgb) and torch.equal(one.alpha, found[0].alpha) for one in found)
    opaque = found[0].alpha[0, 0] == 1
    shown = "RGBA" if kind == "WEBP" else mode
    plain = np.asarray(Image.open(io.BytesIO(cut_out((0, 0, 0), "PNG", shown))).convert("RGBA"))[..., :3] / 255
    assert np.array_equal(found[0].rgb[0].permute(1, 2, 0).numpy()[opaque], plain.astype(np.float32)[opaque])


def test_other_primaries_are_converted_white_to_white():
    wide = (0.3127, 0.3290, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060)  # DCI-P3's, white of sRGB
    assert np.allclose(colorimetry.to_srgb(np.ones((1, 1, 3)), 1 / 2.2, wide), 1, atol=1e-3)
    matrix = [[1.2249, -0.2247, 0.0], [-0.0420, 1.0419, 0.0], [-0.0197, -0.0786, 1.0979]]  # published: P3 D65 to sRGB
    light = np.array([0.5, 0.2, 0.3])
    red = colorimetry.to_srgb(light[None, None] ** (1 / 2.2), 1 / 2.2, wide)[0, 0]
    assert np.allclose(red, bright(np.array(matrix) @ light), atol=2e-3)
    assert colorimetry.to_srgb(red, 1 / 2.2, colorimetry.SRGB_PRIMARIES) is red
    assert colorimetry.to_srgb(red, 1 / 2.2, (0.3,) * 8) is red  # damaged: no triangle


def test_a_heic_file_says_which_extra_is_missing(tmp_path, monkeypatch):
    monkeypatch.setattr(formats, "register_heic", lambda: False)
    (tmp_path / "a.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(200))
    with pytest.raises(ValueError, match=r"a.heic is a HEIC file; heic needs an extra: pip install 'nst\[heic\]'"):
        image_io.load(tmp_path / "a.heic")
    assert image_io.files_in(tmp_path) == [tmp_path / "a.heic"]


def test_a_heic_file_is_read_upright(tmp_path):
    pytest.importorskip("pillow_heif")
    formats.own_formats()
    image = Image.fromarray(np.kron(BASE_8, np.ones((4, 4, 1), np.uint8)))
    image.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "a.heic", quality=95, exif=exif(SIX))
    rgb = image_io.load(tmp_path / "a.heic").rgb[0].permute(1, 2, 0).numpy()
    assert rgb.shape == (96, 160, 3) and np.abs(rgb - np.asarray(image) / 255).mean() < 0.03


@pytest.mark.parametrize(("white", "kind"), [(1, np.uint8), (20, np.uint8), (255, np.uint16), (1, np.uint16)])
def test_a_mask_of_labels_is_refused(tmp_path, white, kind):
    values = np.zeros((H, W), kind)
    values[:, 20:] = white
    Image.fromarray(values).save(tmp_path / "mask.png")
    with pytest.raises(ValueError, match="mask .*mask.png is (almost black: .*give|black everywhere; make it) white"):
        masks.load(tmp_path / "mask.png")


def test_a_mask_that_is_nowhere_white_says_so(tmp_path):
    Image.new("L", (8, 8), 128).save(tmp_path / "half.png")
    mask, notes = masks.load(tmp_path / "half.png")
    assert float(mask.mean()) == pytest.approx(128 / 255) and "half.png is nowhere white" in notes[0]
    Image.new("L", (8, 8), 250).save(tmp_path / "white.png")
    assert masks.load(tmp_path / "white.png")[1] == []


@pytest.mark.parametrize("orientation", range(1, 9))
def test_deep_pictures_are_turned_as_others_are(orientation):
    image = Image.fromarray(BASE_8)
    image.getexif()[0x112] = orientation
    there = decoding.turned(FilePixels(BASE_8, BASE_8[..., 0]), orientation)
    assert np.array_equal(there.rgb, np.asarray(decoding.upright(image)))
    assert np.array_equal(there.alpha, there.rgb[..., 0])
