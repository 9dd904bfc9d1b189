"""The trainings of the embedded networks give the same bits again, interrupted or not; their files are valid."""

import hashlib
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
import torchvision
from PIL import Image

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

import distil  # noqa: E402
import gather_photographs  # noqa: E402
from distillation.crops import Crops  # noqa: E402
from distillation.paintings import Paintings, gram  # noqa: E402
from evaluate_embedded import at_equal  # noqa: E402

from nst.backbones import weights  # noqa: E402
from nst.backbones.small_vgg19 import SmallVGG19  # noqa: E402

TINY = ["--batch", "2", "--painted", "1", "--crop", "48", "--report", "1"]


@pytest.fixture(scope="module")
def material(tmp_path_factory):
    """A folder of one picture, and a random teacher."""
    folder = tmp_path_factory.mktemp("material")
    pixels = np.random.default_rng(0).integers(0, 256, (64, 80, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(folder / "noise.png")
    torch.manual_seed(1)
    torch.save(torchvision.models.squeezenet1_1(weights=None).state_dict(), folder / "teacher.pth")
    return folder


def command(monkeypatch, material, folder, *more, steps=4):
    words = ["squeezenet", f"--pictures={material}", f"--teacher={material / 'teacher.pth'}", f"--steps={steps}", *TINY]
    monkeypatch.setattr(distil, "SAMPLE", 1)
    monkeypatch.setattr(sys, "argv", ["x", *words, f"--out={folder / 'out.pt'}", f"--state={folder / 'state'}", *more])
    distil.main()
    return torch.load(folder / "out.pt", weights_only=True)


@pytest.mark.slow
def test_a_training_gives_the_same_bits_again_and_after_an_interruption(material, tmp_path, monkeypatch):
    for name in ("whole", "cut", "other"):
        (tmp_path / name).mkdir()
    whole = command(monkeypatch, material, tmp_path / "whole")
    taken, step = [], distil.Training.next

    def killed(training):
        if training.step == 2 and not taken:
            taken.append(training.step)
            raise KeyboardInterrupt
        return step(training)

    monkeypatch.setattr(distil.Training, "next", killed)
    with pytest.raises(KeyboardInterrupt):
        command(monkeypatch, material, tmp_path / "cut")
    cut = command(monkeypatch, material, tmp_path / "cut")
    other = command(monkeypatch, material, tmp_path / "other", "--seed=1")
    assert taken == [2]
    assert all(torch.equal(value, cut[name]) for name, value in whole.items())
    assert not all(torch.equal(value, other[name]) for name, value in whole.items())
    with pytest.raises(SystemExit, match="another steps"):
        command(monkeypatch, material, tmp_path / "cut", steps=5)


def test_the_embedded_network_can_t_teach_itself(material, tmp_path, monkeypatch):
    monkeypatch.setattr(weights, "load", lambda *_: ({}, {"origin": "embedded", "warning": "no download"}))
    with pytest.raises(SystemExit, match="no download"):
        command(monkeypatch, material, tmp_path)


def test_a_painting_moves_towards_its_style():
    pictures = [torch.randint(0, 256, (3, 64, 64), generator=torch.Generator().manual_seed(n)).byte() for n in (0, 1)]
    paintings = Paintings(Crops(pictures, edge=32, seed=0), count=1, steps=9, style=["a"], content="a")

    def network(x):
        return {"a": F.avg_pool2d(x, 2)}

    first = paintings.next(1, 0, network)
    wanted = paintings.pictures[0]["gram a"]
    while (left := int(paintings.pictures[0]["left"])) > 0:
        last = paintings.next(1, 1, network)
        assert int(paintings.pictures[0]["left"]) == left - 1
    distances = [(gram(network(x)["a"][0]) - wanted).square().sum() for x in (first, last)]
    assert distances[1] < 0.5 * distances[0]
    assert not torch.equal(paintings.next(1, 2, network), last)  # begun anew


def test_a_crop_follows_from_the_seed_and_its_number():
    picture = torch.arange(3 * 40 * 40).remainder(251).byte().view(3, 40, 40)
    one, again = (Crops([picture], edge=16, seed=3) for _ in range(2))
    assert torch.equal(one.varied(3, 0, 7), again.varied(3, 0, 7))
    assert not torch.equal(one.varied(3, 0, 7), one.varied(3, 0, 8))


def test_drawings_are_left_out(tmp_path):
    rng = np.random.default_rng(0)
    flat = np.zeros((500, 500, 3), np.uint8)
    flat[100:300, 50:400] = (200, 30, 90)
    for name, pixels in {"drawing": flat, "photograph": rng.integers(0, 256, (500, 500, 3), dtype=np.uint8)}.items():
        Image.fromarray(pixels).save(tmp_path / f"{name}.png")
    (tmp_path / "out").mkdir()
    taken = [gather_photographs.take(tmp_path / f"{n}.png", tmp_path / "out", n) for n in ("drawing", "photograph")]
    assert taken == [None, tmp_path / "out" / "photograph.png"]


def test_of_several_sizes_the_largest_is_taken(tmp_path):
    sizes = {"640x480.jpg": 10, "1920x1080.jpg": 99, "road.jpg": 5, "road.txt": 7, "screenshot.png": 8}
    for name, size in sizes.items():
        (tmp_path / name).write_bytes(bytes(size))
    assert {path.name for path in gather_photographs.candidates(tmp_path)} == {"1920x1080.jpg", "road.jpg"}


def test_the_last_fitting_licence_holds(tmp_path):
    text = "Format: x\n\nFiles: *\nLicense: GPL-2+\n more words\n\nFiles: a/*.jpg\n b.png\nLicense: CC-BY-4.0\n"
    (tmp_path / "copyright").write_text(text)
    found = gather_photographs.licences(tmp_path / "copyright")
    named = {name: gather_photographs.licence_of(Path(name), found) for name in ("usr/x/a/c.jpg", "usr/b.png", "c.png")}
    assert named == {"usr/x/a/c.jpg": "CC-BY-4.0", "usr/b.png": "CC-BY-4.0", "c.png": "GPL-2+"}


def test_equal_content_is_interpolated_in_the_logarithm():
    assert at_equal([0.2, 0.1, 0.4], [0.2, 0.4, 0.1], 0.15) == pytest.approx((0.4 * 0.2) ** 0.5)


SHAPES = {
    "squeezenet1_1": {f"features.{k}": v for k, v in torchvision.models.squeezenet1_1().features.state_dict().items()},
    "small_vgg19": SmallVGG19().state_dict(),
}


@pytest.mark.parametrize("model", weights.EMBEDDED)
def test_an_embedded_network_is_whole_and_its_hash_documented(model):
    path = weights.EMBEDDED[model]
    state = torch.load(path, weights_only=True)
    assert {k: v.shape for k, v in state.items()} == {k: v.shape for k, v in SHAPES[model].items()}
    assert all(value.dtype == torch.float16 and value.isfinite().all() for value in state.values())
    assert hashlib.sha256(path.read_bytes()).hexdigest() in (ROOT / "docs/usage.md").read_text(encoding="utf-8")


def test_embedded_networks_take_at_most_three_megabytes_and_no_download(monkeypatch):
    monkeypatch.setattr(weights, "fetch", None)  # would raise
    assert all(weights.load(model, "embedded", None)[0] for model in weights.EMBEDDED)
    assert sum(path.stat().st_size for path in weights.EMBEDDED.values()) <= 3e6
