"""How a picture was made, written into it: the same pixels again, and nothing else."""

import json
import os
import re

import numpy as np
import pytest
from conftest import QUICK, ROOT, picture
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from nst.config.trusted import trusted
from nst.experiment.provenance import FIELD, Provenance, differences, pixels_sha256, read


def written(path, text, field=FIELD):
    info = PngInfo()
    info.add_itxt(field, text if isinstance(text, str) else json.dumps(text))
    Image.new("RGB", (4, 4)).save(path, pnginfo=info)
    return path


def recipe(**config):
    fields = {"choices": {}, "sources": {"content": "a"}, "versions": {"torch": "1"}, "threads": 1}
    return fields | {"config": config, "device": "cpu", "command": "python train.py", "pixels": "x"}


def test_a_recipe_makes_the_same_pixels_again(train, tmp_path, photo):
    done = train(*QUICK, f"content.path={photo}", "weights.style=2.5", "optimizer.lr=0.05", "hydra.run.dir=first")
    assert done.returncode == 0, done.stderr
    again = train("reproduce=first/final.png", "logger=none", "hydra.run.dir=again")
    assert again.returncode == 0, again.stderr
    assert "every pixel is reproduced" in again.stdout
    first, second = (np.asarray(picture(tmp_path / name / "final.png")) for name in ("first", "again"))
    assert np.array_equal(first, second)
    stored = read(tmp_path / "again/final.png").config
    assert stored["weights"]["style"] == 2.5
    assert stored["reproduce"] is None


def test_a_recipe_whose_picture_changed_is_said(train, tmp_path, photo):
    assert train(*QUICK, f"content.path={photo}", "hydra.run.dir=first").returncode == 0
    picture(photo).transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(photo)
    again = train("reproduce=first/final.png", "logger=none", "hydra.run.dir=again")
    assert again.returncode == 0, again.stderr
    assert "not every pixel is reproduced: content is another file" in again.stdout


def test_a_recipe_takes_no_other_choices(train, tmp_path, photo):
    assert train(*QUICK, f"content.path={photo}", "hydra.run.dir=first").returncode == 0
    done = train("reproduce=first/final.png", "size=32", "hydra.run.dir=again")
    assert done.returncode == 1
    assert done.stderr.startswith("error: reproduce= makes that picture again and takes no size=")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("target", "is_trusted"),
    [
        ("torch.optim.Adam", True),
        ("torch.optim.lr_scheduler.StepLR", True),
        ("nst.losses.Gram", True),
        ("nst.methods.pyramid.coarse_to_fine", True),
        ("lightning.pytorch.Trainer", True),
        ("lightning.pytorch.loggers.TensorBoardLogger", True),
        ("os.system", False),
        ("subprocess.Popen", False),
        ("torch.load", False),
        ("torch.hub.load", False),
        ("torch.jit.load", False),
        ("nst.experiment.run.os.system", False),
        ("nst.cli.os", False),
        ("nst.data.image_io.Image.open", False),
        ("nst.nothing.Here", False),
        ("torch.optim.adam.torch.load", False),
        ("builtins.eval", False),
        ("nst", False),
        (None, False),
        (["torch.optim.Adam"], False),
    ],
)
def test_only_parts_of_ours_and_torchs_optimisers_are_built(target, is_trusted):
    assert trusted(target) is is_trusted


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"optimizer": {"_target_": "os.system", "command": "touch owned"}}, "wants to build 'os.system'"),
        ({"callbacks": [{"x": {"_target_": "torch.hub.load"}}]}, "wants to build 'torch.hub.load'"),
        ({"name": "${oc.env:HOME}"}, "it may hold plain values only"),
        ({"a": {"${oc.env:HOME}": 1}}, "it may hold plain values only"),
    ],
)
def test_a_hostile_recipe_is_refused_in_one_line(train, tmp_path, config, message):
    written(tmp_path / "bad.png", recipe(**config))
    done = train("reproduce=bad.png", "hydra.run.dir=run")
    assert done.returncode == 1
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert not os.path.exists(tmp_path / "owned")  # noqa: PTH110


@pytest.mark.parametrize("text", ["", "{", "[]", "3", '{"config": {}}', json.dumps(recipe() | {"config": 3})])
def test_a_damaged_recipe_is_said(tmp_path, text):
    with pytest.raises(ValueError, match="is damaged"):
        read(written(tmp_path / "bad.png", text))


def test_a_picture_without_a_recipe_is_said(tmp_path):
    with pytest.raises(ValueError, match="does not say how it was made"):
        read(written(tmp_path / "other.png", "x", field="Comment"))
    (tmp_path / "text.png").write_text("no picture")
    with pytest.raises(ValueError, match="not a complete PNG"):
        read(tmp_path / "text.png")
    with pytest.raises(FileNotFoundError):
        read(tmp_path / "missing.png")


def test_the_pixels_digest_reads_pixels_and_nothing_else(tmp_path):
    for name, text, shade in (("a", "1", 0), ("b", "2", 0), ("c", "1", 1)):
        info = PngInfo()
        info.add_text("k", text)
        Image.new("RGB", (4, 4), (shade, 0, 0)).save(tmp_path / f"{name}.png", pnginfo=info)
    a, b, c = (pixels_sha256(tmp_path / f"{name}.png") for name in "abc")
    assert a == b != c


def test_differences_name_their_causes():
    old, new = (
        Provenance(**recipe()),
        Provenance(**recipe() | {"pixels": "y", "threads": 2, "versions": {"torch": "2"}}),
    )
    assert differences(old, old) == []
    lines = differences(old, new)
    assert [line.split(": ")[1] for line in lines] == ["torch is 2, not 1", "threads is 2, not 1"]


def test_all_that_our_own_configuration_builds_may_be_built_again():
    targets = {
        found
        for file in (ROOT / "conf").rglob("*.yaml")
        if "hydra" not in file.parts and "search" not in file.parts
        for found in re.findall(r"_target_: ([\w.]+)", file.read_text())
    } - {"nst.sweeps.launch.Announce"}
    assert len(targets) > 40
    assert [target for target in targets if not trusted(target)] == []
