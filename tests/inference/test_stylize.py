"""`python stylize.py` as a user runs it, with untrained networks: these tests hold for any network."""

import dataclasses
import runpy
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
from conftest import ROOT, grey_noise, picture
from PIL import Image

from nst.data import library
from nst.inference import styles
from nst.inference.options import Options
from nst.networks import Adain, Transformer, io


@pytest.fixture
def stylize(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HYDRA_FULL_ERROR", raising=False)
    threads = torch.get_num_threads()

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["stylize.py", *(f"{a}" for a in arguments), "threads=1", "device=cpu"])
        with pytest.raises(SystemExit) as ended:
            runpy.run_path(str(ROOT / "stylize.py"), run_name="__main__")
        said = capsys.readouterr()
        return ended.value.code, said.out, said.err

    monkeypatch.setenv("NST_REPORT", "1")
    yield run
    torch.set_num_threads(threads)


@pytest.fixture
def multistyle(tmp_path):
    torch.manual_seed(0)
    network = Transformer(width=4, blocks=1, styles=2)
    for name, parameter in network.named_parameters():
        if ".shifts." in name or ".scales." in name:
            parameter.data.add_(0.5 * torch.randn_like(parameter))
    path = tmp_path / "multistyle.ckpt"
    io.save(path, network.state_dict(), io.describe(network, "multistyle", ["mosaic", "waves"], {}))
    return path


@pytest.fixture
def adain(tmp_path):
    torch.manual_seed(0)
    network = Adain(width=4, channels=8, blocks=1)
    keeps = {"means": torch.rand(1, 8), "deviations": torch.rand(1, 8) + 0.5}
    path = tmp_path / "adain.ckpt"
    io.save(path, network.state_dict(), {**io.describe(network, "adain", ["mosaic"], {}), "keeps": keeps})
    return path


def pixels(path):
    return np.asarray(picture(path).convert("RGB"), dtype=float)


def test_a_photograph_is_painted_at_its_size(stylize, multistyle, photo, tmp_path):
    code, out, err = stylize(f"checkpoint={multistyle}", f"content={photo}", "output=out/a b,c.png")
    assert (code, err) == (0, "")
    assert "picture: out/a b,c.png" in out
    assert picture(tmp_path / "out/a b,c.png").size == (96, 64)


def test_size_style_mix_and_strength(stylize, multistyle, photo, tmp_path):
    def paint(name, *more):
        code, _, err = stylize(f"checkpoint={multistyle}", f"content={photo}", f"output={name}.png", *more)
        assert code == 0, err
        return pixels(tmp_path / f"{name}.png")

    assert paint("small", "size=48").shape == (32, 48, 3)
    one, two = paint("one"), paint("two", "style=waves")
    mixed = paint("mixed", "style=mosaic:0.5,waves:0.5")
    assert np.abs(one - two).mean() > 3
    assert np.abs(mixed - one).mean() < np.abs(one - two).mean()
    weak, none = paint("weak", "strength=0.5"), paint("none", "strength=0")
    assert np.array_equal(none, pixels(photo))
    assert np.abs(weak - (one + none) / 2).max() <= 1  # rounded to 8 bits twice
    tiled = paint("tiled", "tiles=16")
    assert np.abs(tiled - one).max() <= 1


def test_the_photographs_colours_are_kept(stylize, multistyle, photo, tmp_path):
    assert stylize(f"checkpoint={multistyle}", f"content={photo}", "output=kept.png", "keep_color=true")[0] == 0
    kept, plain = pixels(tmp_path / "kept.png"), pixels(photo)
    hue = lambda rgb: rgb - rgb.mean(-1, keepdims=True)  # noqa: E731
    assert np.corrcoef(hue(kept).ravel(), hue(plain).ravel())[0, 1] > 0.7


def test_a_broken_file_in_a_folder_is_skipped_and_the_exit_code_is_1(stylize, multistyle, photo, tmp_path):
    folder = tmp_path / "photos"
    (folder / "deep").mkdir(parents=True)
    for name in ("a.png", "deep/c.png"):
        (folder / name).write_bytes(photo.read_bytes())
    (folder / "b.jpg").write_bytes(b"no picture")
    code, out, err = stylize(f"checkpoint={multistyle}", f"content={folder}", "output=out")
    assert code == 1
    assert "b.jpg is not a picture" in err and len(err.splitlines()) == 1
    assert "2 pictures: out; 1 of 3 could not be painted" in out
    assert sorted(str(p.relative_to(tmp_path / "out")) for p in (tmp_path / "out").rglob("*.png")) == [
        "a.png",
        "deep/c.png",
    ]


def test_pictures_with_the_same_name_do_not_overwrite_each_other(stylize, multistyle, photo, tmp_path):
    (tmp_path / "photos").mkdir()
    with Image.open(photo) as image:
        image.save(tmp_path / "photos/a.png")
        image.save(tmp_path / "photos/a.jpg")
    assert stylize(f"checkpoint={multistyle}", "content=photos")[0] == 0
    assert sorted(p.name for p in (tmp_path / "photos_stylized").iterdir()) == ["a.jpg.png", "a.png.png"]


def test_adain_takes_any_picture_masks_and_strength(stylize, adain, photo, tmp_path):
    style = tmp_path / "my style.png"
    grey_noise((80, 70), 90).convert("RGB").save(style)
    mask = Image.new("L", (96, 64), 0)
    mask.paste(255, (0, 0, 48, 64))
    mask.save(tmp_path / "left.png")

    def paint(name, *more):
        code, _, err = stylize(f"checkpoint={adain}", f"content={photo}", f"output={name}.png", *more)
        assert code == 0, err
        return pixels(tmp_path / f"{name}.png")

    named, own = paint("named"), paint("own", f"style={style}")
    assert np.abs(named - own).mean() > 1
    both = paint("both", f"style=mosaic,{style}", "masks=left.png,null")
    assert np.abs(both - named)[:, :24].mean() < np.abs(both - own)[:, :24].mean()
    assert np.abs(both - own)[:, -24:].mean() < np.abs(both - named)[:, -24:].mean()
    alone = paint("alone", "masks=left.png")
    assert np.array_equal(alone[:, 60:], pixels(photo)[:, 60:])  # where no style is, the photograph is
    assert np.abs(paint("weak", "strength=0") - named).mean() > 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["style=mosiac"], "no style 'mosiac'; nearest: mosaic"),
        (["style=mosaic:x"], "weight 'x'"),
        (["style=mosaic:0"], "no style a weight over 0"),
        (["strength=2"], "from 0 to 1"),
        (["strenght=1"], "no option strenght; nearest: strength"),
        (["size=big"], "size is 'big'; expected a whole number or null"),
        (["keep_color=maybe"], "expected true or false"),
        (["tiles=10"], "a multiple of 4"),
        (["masks=a.png"], "needs a network of method=any_style or adain"),
        (["output=a.xyz"], "no ending of a picture"),
        (["nonsense"], "give key=value"),
    ],
)
def test_wrong_arguments_give_one_clear_line(stylize, multistyle, photo, tmp_path, arguments, words):
    Image.new("L", (8, 8), 255).save(tmp_path / "a.png")
    code, _, err = stylize(f"checkpoint={multistyle}", f"content={photo}", *arguments)
    assert code == 1
    assert words in err and len(err.splitlines()) == 1 and err.startswith("error: ")


def test_a_foreign_checkpoint_gives_one_clear_line(stylize, photo, tmp_path):
    (tmp_path / "foreign.ckpt").write_bytes(b"PK nothing of ours")
    code, _, err = stylize("checkpoint=foreign.ckpt", f"content={photo}")
    assert code == 1 and "can't be read as a checkpoint" in err and len(err.splitlines()) == 1
    assert stylize("checkpoint=foreign.ckpt")[2].startswith("error: content= is missing")


def test_a_film_is_painted_frame_by_frame_with_its_sound(stylize, multistyle, tmp_path):
    pytest.importorskip("av")
    from made_films import packets, plain, shown, write

    write(tmp_path / "film.mp4", plain(5, 48, 64), times=[0, 1024, 1100, 4000, 9999], sound=True)
    code, said, err = stylize(f"checkpoint={multistyle}", "content=film.mp4", "batch=2", "size=40")
    assert code == 0, err
    assert said == "picture: film_stylized.mp4\n" and not list(tmp_path.glob(".*"))
    before, after = shown(tmp_path / "film.mp4"), shown(tmp_path / "film_stylized.mp4")
    assert [time for time, _ in before] == [time for time, _ in after] and after[0][1].shape == (30, 40, 3)
    assert packets(tmp_path / "film.mp4", "audio") == packets(tmp_path / "film_stylized.mp4", "audio")
    (tmp_path / "broken.mp4").write_bytes(b"no film")
    code, _, err = stylize(f"checkpoint={multistyle}", "content=broken.mp4")
    assert code == 1 and "not a complete video" in err and not list(tmp_path.glob(".*part*"))


def test_a_folder_of_films_and_pictures_is_painted_and_the_damaged_are_named(stylize, multistyle, photo, tmp_path):
    pytest.importorskip("av")
    from made_films import plain, shown, write

    folder = tmp_path / "all"
    (folder / "s").mkdir(parents=True)
    whole = write(folder / "a.mkv", plain(12))
    (folder / "s/b.mkv").write_bytes(whole.read_bytes()[:-300])
    (folder / "c.mp4").write_bytes(b"no film")
    photo.rename(folder / "d.png")
    code, said, err = stylize(f"checkpoint={multistyle}", "content=all", "output=out", "size=40", "steady=false")
    assert code == 1 and said == "3 files: out; 1 of 4 could not be painted\n"
    damaged, broken = sorted(err.splitlines(), key=lambda line: "complete" in line)
    assert "b.mkv is damaged: " in damaged and damaged.endswith("out/s/b.mkv holds the others")
    assert "c.mp4 is not a complete video" in broken
    assert len(shown(tmp_path / "out/a.mkv")) == 12 > len(shown(tmp_path / "out/s/b.mkv")) > 0
    said = stylize(f"checkpoint={multistyle}", "content=out", "output=out", "size=40", "steady=false")[
        1
    ]  # nothing but results
    assert "3 files: out" in said


def test_a_film_that_was_cut_short_goes_on(stylize, multistyle, tmp_path, monkeypatch):
    pytest.importorskip("av")
    from made_films import moving, write

    from nst.data.film_writing import FilmWriter

    write(tmp_path / "film.mp4", moving("pan", 6)[0])
    ask = (f"checkpoint={multistyle}", "content=film.mp4")
    stylize(*ask, "output=whole.mp4")
    add = FilmWriter.add

    def stopped(writer, frame, *more):
        if frame.number == 4:
            raise KeyboardInterrupt
        add(writer, frame, *more)

    monkeypatch.setattr(FilmWriter, "add", stopped)
    code, _, err = stylize(*ask)
    assert code == 130 and "4 frames of film.mp4 are done; the same command goes on with them" in err
    monkeypatch.setattr(FilmWriter, "add", add)
    code, said, _ = stylize(*ask)
    assert code == 0 and "goes on after 4 frames that are done" in said
    assert (tmp_path / "film_stylized.mp4").read_bytes() == (tmp_path / "whole.mp4").read_bytes()


def test_a_style_is_looked_at_once_for_many_pictures(stylize, multistyle, photo, tmp_path, monkeypatch):
    looks = []
    look = styles.encode
    monkeypatch.setattr(styles, "encode", lambda *what: looks.append(what) or look(*what))
    (tmp_path / "many").mkdir()
    for name in "ab":
        (tmp_path / f"many/{name}.png").write_bytes(photo.read_bytes())
    assert stylize(f"checkpoint={multistyle}", "content=many", "output=out")[0] == 0
    assert len(list((tmp_path / "out").iterdir())) == 2 and len(looks) == 1


@pytest.mark.slow
def test_a_film_killed_at_ten_moments_is_the_same(stylize, multistyle, tmp_path):
    pytest.importorskip("av")
    from made_films import moving, write

    from nst.data import film_writing

    write(tmp_path / "film.mp4", [frame for _ in range(8) for frame in moving("pan", 12)[0]])  # two pieces
    ask = (f"checkpoint={multistyle}", "content=film.mp4", "threads=1", "device=cpu")
    stylize(*ask[:2], "output=whole.mp4")
    parts, rng = tmp_path / ".film_stylized.mp4.parts", np.random.default_rng(0)

    def last():
        done = [int(path.stem) + 1 for path in parts.glob("*.npy")]
        return max([film_writing.SEGMENT * len(list(parts.glob("*.nut"))), *done])

    for _ in range(10):
        wanted = last() + rng.integers(1, 9)
        process = subprocess.Popen([sys.executable, str(ROOT / "stylize.py"), *ask], cwd=tmp_path)
        while process.poll() is None and last() < wanted:
            time.sleep(0.005)
        time.sleep(0.05 * rng.random())
        assert process.poll() is None
        process.kill()
        process.wait()
    assert "goes on after" in stylize(*ask[:2])[1]
    assert (tmp_path / "film_stylized.mp4").read_bytes() == (tmp_path / "whole.mp4").read_bytes()


def test_help_names_every_option_and_imports_no_torch():
    command = [sys.executable, "-X", "importtime", str(ROOT / "stylize.py"), "--help"]
    said = subprocess.run(command, capture_output=True, text=True, check=True)
    assert all(f"    {field.name}: " in said.stdout for field in dataclasses.fields(Options))
    assert "nst.inference.options" in said.stderr and "torch" not in said.stderr


def test_without_a_checkpoint_the_network_that_comes_with_nst_paints_every_painted_style(stylize, photo, tmp_path):
    known = io.load(io.bundled("multistyle")).styles
    assert set(known) == {path.stem for path in library.asset("mosaic").parent.glob("*.jpg")} - {"great_wave"} | {
        "painted_wave"
    }
    assert stylize(f"content={photo}", "style=mosaic", "output=one.png")[0] == 0
    assert stylize(f"content={photo}", "style=painted_wave", "output=two.png")[0] == 0
    assert np.abs(pixels(tmp_path / "one.png") - pixels(tmp_path / "two.png")).mean() > 10
    code, _, err = stylize(f"content={photo}", "style=mosiac")
    assert code == 1 and "nearest: mosaic" in err


def test_without_a_checkpoint_any_picture_is_a_style_and_masks_place_styles(stylize, photo, tmp_path):
    grey_noise((200, 160), 90).convert("RGB").save(tmp_path / "noise.png")
    Image.new("RGB", (200, 160), (230, 120, 20)).save(tmp_path / "orange.png")
    mask = Image.new("L", (96, 64), 0)
    mask.paste(255, (0, 0, 48, 64))
    mask.save(tmp_path / "left.png")

    def paint(name, *words):
        code, _, err = stylize(f"content={photo}", f"output={name}.png", *words)
        assert code == 0, err
        return pixels(tmp_path / f"{name}.png")

    noise, orange = paint("a", "style=noise.png"), paint("b", "style=orange.png")
    assert orange[..., 0].mean() > orange[..., 2].mean() + 60  # it has the style's colours
    assert np.abs(np.diff(noise, axis=1)).mean() > 1.5 * np.abs(np.diff(orange, axis=1)).mean()  # and its detail
    both = paint("c", "style=noise.png,orange.png", "masks=left.png,null")
    assert both[:, 60:, 0].mean() - both[:, 60:, 2].mean() > both[:, :36, 0].mean() - both[:, :36, 2].mean() + 20
    assert sum(io.bundled(name).stat().st_size for name in ("multistyle", "any_style")) <= 4e6  # what is shipped
    known = io.load(io.bundled("multistyle")).styles
    assert io.load(io.bundled("any_style")).styles == known


def test_the_width_of_the_strokes_changes_continuously(stylize, multistyle, photo, tmp_path):
    def paint(stroke):
        done = stylize(f"checkpoint={multistyle}", f"content={photo}", f"output={stroke}.png", f"stroke={stroke}")
        assert done[0] == 0, done[2]
        return pixels(tmp_path / f"{stroke}.png")

    usual, wider, widest, fine = paint("1"), paint("1.25"), paint("2"), paint("0.5")
    assert usual.shape == widest.shape == fine.shape
    assert 0 < np.abs(wider - usual).mean() < np.abs(widest - usual).mean()
    detail = [np.abs(np.diff(one, axis=1)).mean() for one in (fine, usual, widest)]
    assert detail[2] < detail[1]  # wider strokes change less from pixel to pixel
    assert stylize(f"checkpoint={multistyle}", f"content={photo}", "stroke=3")[0] == 1
