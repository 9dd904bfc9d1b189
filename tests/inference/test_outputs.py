# ruff: noqa: F811 - fixtures
"""Where results go: nothing of the user's is replaced, and what can't be written is refused before it is painted."""

import io

import numpy as np
import pytest
from conftest import picture
from PIL import Image
from test_stylize import adain, multistyle, stylize  # noqa: F401

from nst.data import encoding
from nst.inference import outputs
from nst.inference.outputs import Outputs


@pytest.fixture
def files(tmp_path):
    """Make small pictures of different colours: files("a.png", ...) -> name -> content."""

    def make(*names):
        out = {}
        for number, name in enumerate(names):
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            image = Image.radial_gradient("L").rotate(40 * number).crop((60, 90, 220, 250)).resize((16, 16))
            Image.merge("RGB", [image, image.rotate(90), image.rotate(180)]).save(tmp_path / name)
            out[name] = (tmp_path / name).read_bytes()
        return out

    return make


def left(folder):
    return sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file())


SOURCES = {
    "the content itself": ("a.png", "a.png", ()),
    "a folder into itself": ("p", "p", ()),
    "its own folder, through a link": ("p", "link", ()),
    "the content, called otherwise": ("p/a.png", "link/a.png", ()),
    "a picture of the folder": ("p", "p", ("overwrite=true",)),
    "the content, with overwrite": ("a.png", "a.png", ("overwrite=true",)),
    "a style file": ("p/a.png", "a.png", ("style=a.png", "overwrite=true")),
    "a style file with a weight": ("p/a.png", "a.png", ("style=a.png:2", "overwrite=true")),
    "a mask": ("p/a.png", "b.png", ("masks=b.png", "overwrite=true")),
    "the default name is the content's": ("a_stylized.png", None, ("style=a.png",)),
}


@pytest.mark.parametrize("row", SOURCES.values(), ids=SOURCES)
def test_no_source_is_written_to(stylize, adain, files, tmp_path, row):
    content, output, more = row
    before = files("a.png", "a_stylized.png", "p/a.png", "p/b.jpg")
    Image.linear_gradient("L").resize((16, 16)).save(tmp_path / "b.png")
    before["b.png"] = (tmp_path / "b.png").read_bytes()
    (tmp_path / "link").symlink_to(tmp_path / "p")
    to = () if output is None else (f"output={output}",)
    code, out, err = stylize(f"checkpoint={adain}", f"content={content}", *to, *more)
    assert (code, err) == (0, "")
    assert {name: (tmp_path / name).read_bytes() for name in before} == before
    assert len(left(tmp_path)) > len(before) + 1  # with the checkpoint


def test_a_result_replaces_another_picture_only_where_asked(stylize, multistyle, files, tmp_path):
    files("a/i.png", "b/i.png")
    ask = f"checkpoint={multistyle}"
    assert "picture: i_stylized.png" in stylize(ask, "content=a/i.png")[1]
    first = (tmp_path / "i_stylized.png").read_bytes()
    said = stylize(ask, "content=b/i.png")[1]
    assert "i_stylized.png is there already: the result is i_stylized_2.png; overwrite=true replaces it" in said
    assert (tmp_path / "i_stylized.png").read_bytes() == first != (tmp_path / "i_stylized_2.png").read_bytes()
    assert "is there" not in stylize(ask, "content=b/i.png", "overwrite=true")[1]
    assert (tmp_path / "i_stylized.png").read_bytes() != first


SAME = {
    "one stem, and a name that is the other's result": ["a.jpg", "a.png", "a.jpg.png"],
    "upper and lower case": ["A.png", "a.jpg", "B.PNG", "b.Jpg"],
    "an accent in one piece and in two": ["\u00e9.png", "e\u0301.jpg"],
    "subfolders": ["a.png", "s/a.png", "s/a.jpg"],
}


@pytest.mark.parametrize("names", SAME.values(), ids=SAME)
def test_every_picture_of_a_folder_has_a_result_of_its_own(names, tmp_path):
    files = [tmp_path / "p" / name for name in names]
    free = Outputs(files, overwrite=False)
    results = [free.free(wanted) for wanted in outputs.names_in(files, tmp_path / "p", tmp_path / "out")]
    assert len({str(one).casefold() for one in results}) == len(names)
    assert [one.parent for one in results] == [
        tmp_path / "out" / one.relative_to(tmp_path / "p").parent for one in files
    ]


@pytest.mark.parametrize(("first", "again"), [("p/out", "p/out"), ("p/out", "p/more"), ("p", "q"), ("p", "p")])
def test_results_in_the_source_folder_are_not_painted_again(stylize, multistyle, files, tmp_path, first, again):
    files("p/a.png", "p/s/b.jpg")
    ask = (f"checkpoint={multistyle}", "content=p")
    assert f"2 pictures: {first}" in stylize(*ask, f"output={first}")[1]
    said = stylize(*ask, f"output={again}")[1]
    assert f"2 pictures: {again}" in said and "2 of 4 pictures in p are results of stylize.py: left out" in said


def test_a_folder_of_results_can_be_painted(stylize, multistyle, files, tmp_path):
    files("p/a.png", "p/b.png")
    assert stylize(f"checkpoint={multistyle}", "content=p", "output=once")[0] == 0
    assert "2 pictures: twice" in stylize(f"checkpoint={multistyle}", "content=once", "output=twice")[1]


UNWRITABLE = {
    "read only: psd": ("output=x.psd", "PSD files can't hold such a picture"),
    "of one colour: xbm": ("output=x.xbm", "XBM files can't hold such a picture"),
    "a program: eps": ("output=x.eps", "EPS files can't hold such a picture"),
    "never read back: pdf": ("output=x.pdf", "PDF files can't hold such a picture"),
    "cut to 256 pixels: ico": ("output=x.ico", "300 x 20 pixels are too many for ICO"),
    "no picture's ending": ("output=x.txt", "no ending of a picture"),
    "a file in the way": ("output=a.png/x.png", "a.png is no folder; choose another"),
    "a folder below a file": ("output=a.png/out/x.png", "is no folder; choose another"),
    "a name that is too long": (f"output={'x' * 300}/x.png", "the name is too long"),
    "a read-only place": ("output=/proc/x.png", "cannot write /proc/x.png"),
}


@pytest.mark.parametrize(("output", "words"), UNWRITABLE.values(), ids=UNWRITABLE)
def test_what_cannot_be_written_is_refused_before_it_is_painted(
    stylize, multistyle, tmp_path, monkeypatch, output, words
):
    Image.new("RGB", (300, 20), (9, 90, 30)).save(tmp_path / "a.png")
    monkeypatch.setattr("nst.inference.stylize.Painter.__call__", lambda *args: pytest.fail("it was painted"))
    code, _, err = stylize(f"checkpoint={multistyle}", "content=a.png", output)
    assert code == 1 and words in err and len(err.splitlines()) == 1, err
    assert left(tmp_path) == ["a.png", multistyle.name]


def test_an_ending_is_written_as_it_was_typed(stylize, multistyle, files, tmp_path):
    files("a.png")
    assert "picture: out.JPG" in stylize(f"checkpoint={multistyle}", "content=a.png", "output=out.JPG")[1]
    assert "out.JPG" in left(tmp_path) and picture(tmp_path / "out.JPG").size == (16, 16)


def test_jpeg_keeps_the_resolution_of_colours_and_has_a_quality():
    rows = np.zeros((32, 32, 3), np.uint8)
    rows[:, ::2] = (255, 0, 0)
    rows[:, 1::2] = (0, 0, 255)
    with Image.open(io.BytesIO(encoding.encode(rows, "JPEG"))) as image:
        assert [layer[1:3] for layer in image.layer] == [(1, 1)] * 3
        assert abs(np.asarray(image).astype(int) - rows).max() < 12  # with subsampled colours: over 100
    noisy = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    assert len(encoding.encode(noisy, "JPEG", quality=30)) < 0.5 * len(encoding.encode(noisy, "JPEG"))


def test_transparency_is_kept_where_the_format_can_and_its_loss_is_said(stylize, multistyle, tmp_path):
    image = Image.new("RGBA", (16, 16), (200, 100, 0, 255))
    image.putalpha(Image.linear_gradient("L").resize((16, 16)))
    image.save(tmp_path / "a.png")
    for name, said in (("b.tga", False), ("b.webp", False), ("b.jpg", True), ("b.bmp", True)):
        out = stylize(f"checkpoint={multistyle}", "content=a.png", f"output={name}")[1]
        assert (picture(tmp_path / name).mode == "RGBA") is not said
        assert (f"{name} can't hold the transparency of a.png; a .png can" in out) is said
