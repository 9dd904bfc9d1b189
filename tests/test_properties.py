"""What holds for every size, mode and value, tried on many."""

import copy
from pathlib import Path

import pytest
import torch
from bad_places import CHOICES
from conftest import grey_noise
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from nst.config import trusted, validate
from nst.config.invocation import Invocation
from nst.config.job import digest_of
from nst.data import image_io
from nst.trackers import csv_rows
from nst.utils import files

FEW = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
MODES = (
    "1",
    "L",
    "LA",
    "P",
    "PA",
    "RGB",
    "RGBA",
    "RGBX",
    "CMYK",
    "YCbCr",
    "LAB",
    "HSV",
    "I",
    "I;16",
    "F",
    "RGBa",
    "La",
)
PLAIN = OmegaConf.to_container(OmegaConf.create(CHOICES))
PLAIN["trainer"]["precision"] = "32-true"  # as `instantiate.settled` leaves it


@FEW
@given(st.sampled_from(MODES), st.integers(2, 40), st.integers(2, 40), st.sampled_from(["png", "tiff", "webp", "jpeg"]))
def test_a_picture_of_any_mode_and_size_becomes_rgb_in_0_to_1(tmp_path, mode, width, height, kind):
    path = tmp_path / f"a.{kind}"
    try:
        grey_noise((width, height), 90).convert("RGB").convert(mode).save(path)
    except (OSError, ValueError, KeyError):
        return  # Pillow has no such conversion, or the format no such mode
    found = image_io.load(path)
    assert found.rgb.shape == (1, 3, height, width)
    assert found.rgb.dtype == torch.float32
    assert 0 <= found.rgb.min() <= found.rgb.max() <= 1
    assert found.alpha is None or found.alpha.shape == (1, 1, height, width)


@FEW
@given(
    st.integers(2, 30), st.integers(2, 30), st.integers(2, 30), st.integers(2, 30), st.floats(-3, 3), st.floats(0, 3)
)
def test_a_picture_is_resized_to_what_was_asked_and_stays_in_its_range(h, w, height, width, low, span):
    image = low + span * torch.rand(1, 3, h, w, generator=torch.Generator().manual_seed(h * w))
    small = image_io.resize(image, (height, width))
    assert small.shape == (1, 3, height, width)
    assert image.min() <= small.min() <= small.max() <= image.max()


@FEW
@given(st.tuples(st.integers(1, 9000), st.integers(1, 9000)), st.integers(2, 4000), st.booleans())
def test_a_fitted_size_has_the_edge_that_was_asked_and_no_edge_of_0(size, edge, upscale):
    for by, measure in (("longest", max), ("shortest", min)):
        fitted = image_io.fit(size, edge, by=by, upscale=upscale)
        assert min(fitted) >= 1
        assert measure(fitted) == edge or (fitted == size and not upscale)


LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.lists(st.integers(), max_size=3),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)  # fmt: skip


def paths(node, before=()):
    if isinstance(node, dict) and node:
        return [path for key, value in node.items() for path in [(*before, key), *paths(value, (*before, key))]]
    return []


@settings(FEW, max_examples=400)
@given(st.sampled_from(sorted(set(paths(PLAIN)))), LEAVES)
@example(("trainer", "devices"), "\n")
def test_any_value_anywhere_in_a_configuration_is_taken_or_refused_in_one_line(path, value):
    plain = copy.deepcopy(PLAIN)
    node = plain
    for key in path[:-1]:
        node = node[key]
    node[path[-1]] = value
    try:
        validate.check(plain, Invocation(Path(), [], {}))
    except ValueError as error:
        assert "\n" not in str(error)
        assert len(str(error)) > 10


@pytest.mark.parametrize("key", ["accelerator", "precision"])
def test_a_trainer_without_what_a_run_reads_is_refused(key):
    plain = copy.deepcopy(PLAIN)
    del plain["trainer"][key]
    with pytest.raises(ValueError, match=f"give trainer.{key}=auto"):
        validate.check(plain, Invocation(Path(), [], {}))


@FEW
@given(st.recursive(LEAVES, lambda inner: st.dictionaries(st.text(max_size=8), inner, max_size=3), max_leaves=8))
def test_no_configuration_of_a_picture_is_worse_than_refused(node):
    config = {"a": node}
    try:
        trusted.refuse_foreign(config, "x", "y")
    except ValueError:
        return
    assert "${" not in str(config)


@FEW
@given(st.binary(max_size=300), st.integers(0, 2**40))
def test_no_bytes_of_a_log_are_worse_than_left_out(tmp_path, data, last_step):
    (tmp_path / "metrics.csv").write_bytes(b"step,loss\n3,1.5\n" + data)
    rows = csv_rows(tmp_path / "metrics.csv", last_step)
    assert all(float(row["step"]) <= last_step for row in rows)


@FEW
@given(st.binary(max_size=300), st.text("abc.é ", min_size=1, max_size=8).filter(lambda name: name.strip(". ")))
def test_a_file_is_what_was_written(tmp_path, data, name):
    files.write(tmp_path / name, data)
    assert (tmp_path / name).read_bytes() == data


@pytest.mark.parametrize("key", ["size", "weights", "loss", "pyramid"])
def test_the_digest_of_choices_sees_what_makes_pixels_and_nothing_else(key):
    assert digest_of({**PLAIN, "judge": 3, "logger": {}, "resume": "x"}) == digest_of(PLAIN)
    assert digest_of({**PLAIN, key: "other"}) != digest_of(PLAIN)
