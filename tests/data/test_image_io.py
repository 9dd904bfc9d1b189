import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from conftest import picture
from PIL import Image, ImageCms

from nst.data import image_io


def save(image: Image.Image, path: Path, **options: object) -> Path:
    image.save(path, **options)
    return path


def ramp(width: int = 40, height: int = 30) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    return np.stack([x * 255 // (width - 1), y * 255 // (height - 1), (x + y) % 256], axis=-1).astype(np.uint8)


def test_rgb_is_read_back_exactly(tmp_path):
    pixels = image_io.load(save(Image.fromarray(ramp()), tmp_path / "a.png"))
    assert pixels.rgb.shape == (1, 3, 30, 40)
    assert pixels.alpha is None
    image_io.save(pixels.rgb, tmp_path / "b.png")
    assert np.array_equal(np.asarray(picture(tmp_path / "b.png")), ramp())


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_undone(tmp_path, orientation):
    upright = Image.fromarray(ramp())
    undo = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # the transposition that stores an upright picture so
    stored = upright.transpose(Image.Transpose(undo[orientation])) if orientation > 1 else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    rgb = image_io.load(save(stored, tmp_path / "a.png", exif=exif)).rgb
    assert torch.equal(rgb, image_io.load(save(upright, tmp_path / "b.png")).rgb)


def test_an_icc_profile_is_converted_to_srgb(tmp_path):
    grey = Image.new("RGB", (8, 8), (100, 150, 200))
    lab_like = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    same = image_io.load(save(grey, tmp_path / "a.png", icc_profile=lab_like)).rgb
    assert torch.allclose(same, image_io.load(save(grey, tmp_path / "b.png")).rgb, atol=2 / 255)
    linear = ImageCms.ImageCmsProfile(io.BytesIO(_gamma_one())).tobytes()
    brighter = image_io.load(save(grey, tmp_path / "c.png", icc_profile=linear)).rgb
    expected = np.array([100, 150, 200]) / 255
    expected = 1.055 * expected ** (1 / 2.4) - 0.055  # light that is linear in the file looks brighter in sRGB
    assert np.allclose(brighter[0, :, 0, 0].numpy(), expected, atol=3 / 255)


def _gamma_one() -> bytes:
    """sRGB's profile with its three tone curves replaced by the identity."""
    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    count = struct.unpack(">I", data[128:132])[0]
    for i in range(count):
        tag, offset, size = struct.unpack(">4sII", data[132 + 12 * i : 144 + 12 * i])
        if tag in (b"rTRC", b"gTRC", b"bTRC"):
            identity = b"curv" + bytes(8)
            data[offset : offset + len(identity)] = identity
    return bytes(data)


def test_a_broken_icc_profile_is_ignored(tmp_path):
    path = save(Image.fromarray(ramp()), tmp_path / "a.png", icc_profile=b"rubbish")
    assert np.array_equal((image_io.load(path).rgb[0].permute(1, 2, 0) * 255).round().byte().numpy(), ramp())


@pytest.mark.parametrize("mode", ["L", "1", "P", "RGBA", "LA", "CMYK", "YCbCr", "LAB"])
def test_every_mode_becomes_rgb(tmp_path, mode):
    image = Image.new("RGB", (12, 9), (200, 200, 200))
    if mode == "LAB":
        image = ImageCms.profileToProfile(
            image, ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), outputMode="LAB"
        )
    else:
        image = image.convert(mode)
    ending = "tif" if mode in ("CMYK", "YCbCr", "LAB") else "png"
    rgb = image_io.load(save(image, tmp_path / f"a.{ending}")).rgb
    assert rgb.shape == (1, 3, 9, 12)
    expected = 1.0 if mode == "1" else 200 / 255
    assert torch.allclose(rgb.mean(), torch.tensor(expected), atol=0.3 if mode == "1" else 0.02)


def test_sixteen_bits_are_scaled_not_clipped(tmp_path):
    values = np.linspace(0, 65535, 64).astype(np.uint16).reshape(8, 8)
    rgb = image_io.load(save(Image.fromarray(values), tmp_path / "a.png")).rgb
    assert np.allclose(rgb[0, 0].numpy(), values / 65535, atol=1e-4)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_alpha_is_kept(tmp_path, mode):
    image = Image.fromarray(ramp()).convert("RGBA")
    opacity = Image.fromarray((np.mgrid[:30, :40][1] * 6).astype(np.uint8))
    image.putalpha(opacity)
    if mode == "P":
        palette = Image.fromarray(ramp()).quantize(16)
        palette.info["transparency"] = 0
        path = save(palette, tmp_path / "a.png", transparency=0)
    else:
        path = save(image.convert(mode), tmp_path / "a.png")
    pixels = image_io.load(path)
    assert pixels.alpha is not None
    image_io.save(pixels.rgb, tmp_path / "b.png", alpha=pixels.alpha)
    again = image_io.load(tmp_path / "b.png")
    assert torch.equal(again.alpha, pixels.alpha)


@pytest.mark.parametrize("opaque", [True, False])
def test_sixteen_bits_are_written(tmp_path, opaque):
    image = torch.linspace(0, 1, 3 * 40 * 30).reshape(1, 3, 40, 30)
    alpha = None if opaque else torch.linspace(0.5, 1, 40 * 30).reshape(1, 1, 40, 30)
    image_io.save_deep(image, tmp_path / "deep.tiff", alpha=alpha)
    found = tifffile.imread(tmp_path / "deep.tiff")
    wanted = image if opaque else torch.cat([image, alpha], dim=1)
    assert found.dtype == np.uint16
    np.testing.assert_allclose(found / 65535, wanted[0].permute(1, 2, 0), rtol=0, atol=0.51 / 65535)  # rounded
    assert picture(tmp_path / "deep.tiff").size == (30, 40)  # other programs read it


def test_a_missing_file_is_named_in_the_error(tmp_path):
    with pytest.raises(FileNotFoundError, match="picture not found: .*nothing.png"):
        image_io.load(tmp_path / "nothing.png")


@pytest.mark.parametrize(
    ("content", "line"),
    [(b"", "is empty"), (b"hello", "not a picture"), (b"\x89PNG\r\n\x1a\n", "not a picture|damaged")],
)
def test_a_file_that_is_not_an_image_is_refused(tmp_path, content, line):
    path = tmp_path / "a.png"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=line):
        image_io.load(path)


@pytest.mark.parametrize("ending", ["png", "jpg", "webp", "tif"])
def test_a_cut_off_file_is_refused(tmp_path, ending):
    path = save(
        Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)), tmp_path / f"a.{ending}"
    )
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(ValueError, match="damaged or cut off|not a picture"):
        image_io.load(path)


def test_a_huge_picture_is_refused_before_it_is_decoded(tmp_path):
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    path = tmp_path / "bomb.png"
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 50_000, 50_000, 8, 2, 0, 0, 0))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b""))
    with pytest.raises(ValueError, match="50000 x 50000 = 2500 megapixels, over the limit of 200.*max_megapixels="):
        image_io.load(path)


def test_a_single_pixel_is_refused(tmp_path):
    with pytest.raises(ValueError, match="1 x 1 pixels; give a picture of at least 2 x 2"):
        image_io.load(save(Image.new("RGB", (1, 1)), tmp_path / "a.png"))


def test_resize_keeps_the_range_and_a_constant():
    image = torch.rand(1, 3, 17, 23)
    assert image_io.resize(image, (40, 9)).shape == (1, 3, 40, 9)
    assert image_io.resize(image, (40, 9)).min() >= image.min()
    assert torch.allclose(image_io.resize(torch.full((1, 3, 9, 9), 0.3), (5, 31)), torch.tensor(0.3), atol=1e-6)


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "a.json"
    image_io.write(path, b"old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="the disk is full"):
        image_io.write(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_stretch_maps_the_range_onto_zero_to_one():
    out = image_io.to_range(torch.tensor([[-2.0, 0.0, 2.0]]), "stretch")
    assert torch.allclose(out, torch.tensor([[0.0, 0.5, 1.0]]))
    assert torch.equal(image_io.to_range(torch.tensor([-1.0, 0.5]), "clip"), torch.tensor([0.0, 0.5]))
    with pytest.raises(ValueError, match="give clip or stretch"):
        image_io.to_range(torch.zeros(1), "squash")


def test_text_is_stored_in_the_picture(tmp_path):
    image_io.save(torch.zeros(1, 3, 4, 4), tmp_path / "a.png", text={"nst": "größe"})
    assert picture(tmp_path / "a.png").info["nst"] == "größe"


def test_a_format_that_its_decoder_does_not_know_is_one_clear_line(tmp_path):
    sizes = struct.pack("<4s7I44x", b"DDS ", 124, 0x1007, 8, 8, 0, 0, 0)  # magic, size, flags, height, width, ...
    path = tmp_path / "a.dds"
    path.write_bytes(sizes + struct.pack("<8I", 32, 0, 0, 0, 0, 0, 0, 0) + bytes(300))  # no pixel format at all
    with pytest.raises(NotImplementedError):
        Image.open(path)
    with pytest.raises(ValueError, match="a.dds"):
        image_io.load(path)


@pytest.mark.parametrize(
    ("by", "size"),
    [
        ("longest", (75, 100)),
        ("shortest", (100, 133)),
        ("height", (100, 133)),
        ("width", (75, 100)),
        ("square", (100, 100)),
    ],
)
def test_a_picture_is_fitted_by_the_edge_that_is_named(by, size):
    assert image_io.fit((300, 400), 100, by=by) == size


def test_a_fit_enlarges_only_where_it_may_and_leaves_no_edge_of_0():
    assert image_io.fit((30, 40), 100, by="longest", upscale=False) == (30, 40)
    assert image_io.fit((30, 40), 20, by="longest", upscale=False) == (15, 20)
    assert image_io.fit((1, 1000), 100, by="longest") == (1, 100)


def test_a_fit_gives_the_multiples_that_are_asked_for():
    assert image_io.fit((300, 401), 100, by="longest", multiple=2) == (74, 100)
    assert image_io.fit((1, 1000), 100, by="longest", multiple=4) == (4, 100)


def test_a_picture_is_not_fitted_by_what_it_does_not_have():
    with pytest.raises(ValueError, match=r"diagonal.*give longest"):
        image_io.fit((3, 4), 2, by="diagonal")


def test_only_a_larger_picture_is_reduced(noise):
    image = noise(30, 40)
    assert image_io.reduced(image, 40) is image
    assert image_io.reduced(image, 20).shape == (1, 3, 15, 20)
    assert image_io.reduced(image, 31, by="shortest") is image
    assert image_io.reduced(image, 15, by="shortest").shape == (1, 3, 15, 20)


def test_an_image_is_cropped_at_its_lower_and_right_edge(noise):
    image = noise(30, 41)
    assert torch.equal(image_io.crop_to_multiple(image, 4), image[..., :28, :40])
