"""Several styles, regions, colour and scale through the real command line, and every bad input in one line."""

import json
import os
import shutil
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import hydra
import numpy as np
import pytest
from conftest import QUICK, ROOT
from PIL import Image

import nst.experiment.run
from nst.cli import launch
from nst.config import compose
from nst.config.invocation import Invocation
from nst.utils.errors import REPORT


def grey(path: Path, array: np.ndarray) -> Path:
    Image.fromarray(array.astype(np.uint8)).save(path)
    return path


@pytest.fixture
def masks(tmp_path: Path) -> dict[str, Path]:
    top = np.repeat(np.clip(np.linspace(400, -150, 64), 0, 255)[:, None], 96, 1).round()
    return {
        "top": grey(tmp_path / "top.png", top),
        "bottom": grey(tmp_path / "bottom.png", 255 - top),
        "tiny": grey(tmp_path / "tiny.png", np.pad([[255]], ((0, 63), (0, 95)))),
        "colour": grey(tmp_path / "colour.png", np.full((4, 4, 3), (255, 0, 0))),
    }


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., int]]:
    """Run `python train.py ARGUMENTS` in this process, which spares every test the imports; gives the exit code."""
    main = hydra.main(version_base="1.3", config_path=str(ROOT / "conf"), config_name="train")(
        lambda cfg: nst.experiment.run.run(compose.plain(cfg), Invocation.current())
    )

    def run(*arguments: str) -> int:
        monkeypatch.setattr(
            sys,
            "argv",
            ["train.py", *arguments, f"hydra.run.dir={tmp_path / 'run'}", f"hydra.sweep.dir={tmp_path / 'sweep'}"],
        )
        try:
            return launch(main)
        except SystemExit as end:
            return int(end.code or 0)

    filters = warnings.filters[:]
    yield run
    warnings.filters[:] = filters
    for name in ("HYDRA_FULL_ERROR", REPORT):
        os.environ.pop(name, None)


def metrics(folder: Path) -> dict:
    return json.loads((folder / "metrics.json").read_text())


def test_two_styles_in_two_regions_a_kept_corner_and_kept_colours(here, tmp_path, photo, masks) -> None:
    corner = grey(tmp_path / "corner.png", np.pad(np.full((32, 48), 255), ((0, 32), (0, 48))))
    code = here(
        *QUICK, f"content.path={photo}", f"content.mask={corner}", "style=[mosaic,hatching]", "style.mosaic.scale=0.5",
        f"style.mosaic.mask={masks['top']}", f"style.hatching.mask={masks['bottom']}", "color=match",
        "pyramid=none",
    )  # fmt: skip
    assert code == 0
    assert metrics(tmp_path / "run")["warnings"] == []
    result = Image.open(tmp_path / "run/final.png")
    content = np.asarray(Image.open(photo).resize(result.size, Image.Resampling.BICUBIC), dtype=int)
    difference = np.abs(np.asarray(result, dtype=int) - content)
    assert difference[:18, :28].max() <= 8  # two resampling filters
    assert difference[24:, 36:].mean() > 2  # Adam moves every pixel by the rate


@pytest.mark.slow
def test_lists_of_files_and_of_names_in_a_sweep(here, tmp_path, photo) -> None:
    assets = [ROOT / f"src/nst/assets/styles/{name}.jpg" for name in ("mosaic", "hatching")]
    quick = ("-m", *QUICK, "steps=1", f"content.path={photo}")
    code = here(*quick, f"style.path=[{assets[0]},{assets[1]}]", "style.weight=[1,3]", "style_scale=0.5,1")
    assert code == 0
    for job in range(2):
        assert [s["name"] for s in metrics(tmp_path / f"sweep/{job}")["sources"]["styles"]] == ["mosaic", "hatching"]
    shutil.rmtree(tmp_path / "sweep")  # a folder holds one sweep
    assert here(*quick, "style=[mosaic,hatching],mosaic") == 0
    counts = [len(metrics(tmp_path / f"sweep/{job}")["sources"]["styles"]) for job in range(2)]
    assert counts == [2, 1]


MORE = {
    "crowsonkb": ["pyramid.smallest=34", "pyramid.first_steps=2"],
    "strotss": ["loss.style.candidates=50", "loss.palette.candidates=50", "loss.content.positions=50"],
}


@pytest.mark.slow
@pytest.mark.parametrize("recipe", ["crowsonkb", "strotss", "gatys2017_luminance"])
def test_the_recipes_run(here, tmp_path, photo, recipe) -> None:
    size = {"crowsonkb": "size=48", "strotss": "size=48", "gatys2017_luminance": "pyramid.sizes=[40,48]"}[recipe]
    steps = {"gatys2017_luminance": "pyramid.steps=[1,2]"}.get(recipe, "steps=2")
    code = here(
        f"experiment={recipe}", f"content.path={photo}", "style=mosaic", size, steps, "backbone.checkpoint=random",
        "method.style_size=48", "logger=none", "trainer=cpu",
        *MORE.get(recipe, ()),
    )  # fmt: skip
    assert code == 0
    levels = len(metrics(tmp_path / "run")["levels"])
    assert levels == {"crowsonkb": 2, "strotss": 1, "gatys2017_luminance": 2}[recipe]


TWO = "style=[mosaic,hatching]"
BAD = {
    "a mask of colours": (["style.mask={colour}"], "is a colour picture; give a grey one"),
    "a mask that is no picture": (["style.mask=train.txt"], "picture not found: train.txt"),
    "a region smaller than a feature": (["style.mask={tiny}"], "of one feature of layer"),
    "a name twice": (["style=[mosaic,mosaic]"], "style=[...] names mosaic twice; name it once"),
    "a file twice": (["style.path=[a.jpg,a.jpg]"], "style.path names a.jpg twice"),
    "weights of zero": (
        [TWO, "style.mosaic.weight=0", "style.hatching.weight=0"],
        "the weights of the styles mosaic, hatching sum to 0",
    ),
    "a mask for no one in particular": ([TWO, "style.mask={top}"], "could stand for any of mosaic, hatching"),
    "too few weights": (["style.path=[a.jpg,b.jpg]", "style.weight=[1]"], "but style.path lists 2 files"),
    "a scale of zero": (["style_scale=0"], "style_scale is 0; give a number over 0"),
    "an unknown colour": (["color.after=lab"], "color.after is 'lab'; give one of none, keep_luminance"),
    "no moments to resize": (
        ["optimizer=lbfgs", "method.moments=resized", "method.space=image", "size=120", "pyramid.smallest=50"],
        "give method.moments=fresh",
    ),
    "a term that is not there": (["+method.coarser.palette=2"], "method.coarser.palette belongs to no loss"),
    "a factor of zero": (["method.coarser.content=0"], "method.coarser.content is 0; give a factor over 0"),
    "no positions": (["loss=sliced", "loss.style.positions=0"], "loss.style.positions is 0; give 1 or more"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_clear_line(here, capsys, photo, masks, case) -> None:
    arguments, says = BAD[case]
    assert here(*QUICK, f"content.path={photo}", *(one.format(**masks) for one in arguments)) == 1
    lines = capsys.readouterr().err.strip().splitlines()
    assert says in lines[-1]
    assert lines[-1].startswith("error: ")
    assert not any("Traceback" in line or "defect" in line for line in lines)
