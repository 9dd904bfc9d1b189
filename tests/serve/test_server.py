"""The server of the page without a browser: visitors, the line, uploads, stop and go on, what is kept."""

import io
import json
import os
import re
import signal
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
import requests
from bad_files import PICTURES, chunk, encoded, png
from conftest import ROOT
from PIL import Image

pytest.importorskip("uvicorn")

from serve_page import TINY, Visitor, served, until

from nst.commands import serve as command
from nst.serve import guard, offered

LONG = TINY | {"steps": 2000}
"""A picture that is not finished while a test looks."""
GREY = encoded("png", (60, 40), "L")


@pytest.fixture
def visit(tmp_path):
    """Visitors of one page, whose folder is `page`: visit() opens another browser."""
    visitors = []
    with served(tmp_path / "page", waiting=4, patience=3.0) as address:

        def open_one():
            visitors.append(Visitor(address))
            return visitors[-1]

        yield open_one
        for visitor in visitors:
            visitor.leave()


def flat(mode, color, size=(64, 48)):
    """A picture file of one colour."""
    out = io.BytesIO()
    Image.new(mode, size, color).save(out, "png")
    return out.getvalue()


def said(visitor, what):
    """Whether a visitor's events have said something."""
    return any(re.search(what, line) for line in visitor.events)


def test_a_picture_is_painted_live_and_kept(visit):
    visitor = visit()
    run = visitor.ask("runs", TINY | {"steps": 100})["id"]  # seconds, in which the page tells of it several times
    known = visitor.ends(run)
    assert known["state"] == "finished", known["reason"]
    assert known["command"] == "nst backbone=wavelet content=coffee style=mosaic size=64 steps=100 depth=16"
    assert known["first"] == f"nst stylize content={offered.photographs()['coffee'].path} style=mosaic:1 size=64"
    assert {"first.jpg", "final.png", "final_16bit.tiff", "thumbnail.jpg", "timelapse.webp"} <= set(known["files"])
    assert said(visitor, '"picture": [1-9].*"level": 1, "levels": 1, "size": .43, 64.*"loss".*"left"')
    final = visitor.picture(run, "final.png?save=mine.png")
    assert final.size == (64, 43) and "nst-recipe" in final.text
    assert visitor.get(f"{visitor.address}/api/runs/{run}/files/final_16bit.tiff").content[:4] == b"II*\0"
    assert [one["id"] for one in visitor.told("runs")] == [run]
    assert "finished" in visitor.ask(f"runs/{run}/go_on")["error"]
    visitor.delete(f"{visitor.address}/api/runs/{run}")
    assert visitor.told("runs") == []


def test_nothing_of_a_visitor_is_shown_to_another(visit):
    owner, other = visit(), visit()
    picture = owner.ask("upload/picture?name=me.png", data=GREY)["id"]
    run = owner.ask("runs", {**LONG, "sample": None, "photograph": picture})["id"]
    until(lambda: said(owner, '"losses"'))
    assert owner.get(f"{owner.address}/api/runs/{run}/live").headers["content-type"] == "image/jpeg"
    mine = (f"pictures/{picture}", f"pictures/{picture}/preview", f"runs/{run}", f"runs/{run}/live")
    for path in (*mine, f"runs/{run}/files/config.yaml", f"runs/{run}/files/thumbnail.jpg"):
        assert other.get(f"{other.address}/api/{path}").status_code == 400, path
    assert other.told("runs") == [] and not said(other, run)
    assert "not there" in other.ask(f"runs/{run}/stop")["error"]
    assert "not there" in other.ask("runs", {**TINY, "sample": None, "photograph": picture})["error"]
    assert "not there" in other.ask("runs", TINY | {"start": {"run": run, "file": "final.png"}})["error"]
    assert "not there" in other.delete(f"{other.address}/api/runs/{run}").json()["error"]
    for path in ("config.yaml", "%2e%2e%2fpage.json", "....//page.json"):
        assert owner.get(f"{owner.address}/api/runs/{run}/files/{path}").status_code in (400, 404, 405), path
    assert owner.state(run) == "running"


def test_a_page_is_for_its_own_scripts_and_loads_nothing_from_elsewhere(visit):
    address = visit().address
    for path in ("/", "/assets/page.js", "/api/choices", "/api/runs/x", "/nothing"):
        answer = requests.get(address + path)
        assert "default-src 'none'" in answer.headers["content-security-policy"], path
        assert answer.headers["cache-control"] == "no-store"
    cookie = requests.get(address).headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=Strict" in cookie
    assert requests.post(f"{address}/api/runs", json=TINY).status_code == 403  # a form of another site
    assert requests.get(address, headers={"Host": "evil.example"}).status_code == 400  # a name that leads here
    for name in ("index.html", "page.css", "page.js", "brush.js"):
        text = (ROOT / "src/nst/assets/page" / name).read_text()
        assert not re.search(r"https?:|url\(|@import|//[a-z]+\.", text.replace("over https only", "")), name


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_in_light_and_dark(scheme):
    """WCAG 2.2, success criterion 1.4.3: a contrast of 4.5 at least."""
    css = (ROOT / "src/nst/assets/page/page.css").read_text()
    colours = dict(
        re.findall(r"--([a-z-]+): (#[0-9a-f]{3,6})", css.split("prefers-color-scheme: dark")[scheme == "dark"])
    )

    def luminance(name):
        text = colours[name].lstrip("#")
        text = "".join(2 * letter for letter in text) if len(text) == 3 else text
        parts = [int(text[at : at + 2], 16) / 255 for at in (0, 2, 4)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    pairs = [(ink, ground) for ink in ("ink", "faint", "bad") for ground in ("paper", "card")] + [("on-mark", "mark")]
    for pair in pairs:
        dark, bright = sorted(luminance(name) for name in pair)
        assert (bright + 0.05) / (dark + 0.05) >= 4.5, pair


def test_a_sample_is_large_enough_for_the_brush(visit):
    visitor = visit()
    sent = {
        kind: visitor.get(f"{visitor.address}/api/sample/{kind}").content
        for kind in ("photograph/coffee", "style/mosaic")
    }
    assert [Image.open(io.BytesIO(data)).width for data in sent.values()] == [600, 200]
    for kind in ("photograph/mosaic", "style/coffee", "picture/coffee"):
        assert visitor.get(f"{visitor.address}/api/sample/{kind}").status_code == 404


def test_a_password_is_asked_for(tmp_path, monkeypatch):
    monkeypatch.setattr(guard, "WRONG", 0.01)
    with served(tmp_path / "page", password="correct horse") as address:
        bare = requests.get(f"{address}/api/choices")
        assert bare.status_code == 401 and bare.headers["www-authenticate"].startswith("Basic")
        for user, word in (("", ""), ("me", "correct hors"), ("correct horse", "")):
            assert requests.get(f"{address}/api/choices", auth=(user, word)).status_code == 401
        assert requests.get(f"{address}/api/choices", auth=("anybody", "correct horse")).status_code == 200


@pytest.mark.parametrize(
    "words, password, line",
    [
        (["--host", "0.0.0.0"], None, "needs a password; set NST_PASSWORD"),
        (["--host", "0.0.0.0"], "short", "fewer than 8 letters"),
        (["--size", "3"], None, "--size is 3; give 64 or more"),
        (["--host", "256.1.1.1"], "long enough", "can't serve at 256.1.1.1:0"),
    ],
)
def test_what_cannot_be_served_is_one_line(words, password, line, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    monkeypatch.setenv("NST_PASSWORD", password) if password else monkeypatch.delenv("NST_PASSWORD", raising=False)
    assert command.main(["--port", "0", "--folder", str(tmp_path / "page"), *words]) == 1
    said = capsys.readouterr().err
    assert line in said and len(said.splitlines()) == 1


def test_the_server_does_not_import_torch():
    code = "import sys, nst.serve.server; print(sorted({'torch', 'lightning', 'numpy'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


FEW = ("text.jpg", "half.png", "bomb.png", "one_pixel.png")
SLOW = [pytest.param(name, marks=() if name in FEW else pytest.mark.slow) for name in PICTURES if name != "thin.png"]


@pytest.fixture(scope="module")
def one_page(tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    with served(folder, megapixels=200, patience=60) as address:
        yield Visitor(address, watches=False), folder


@pytest.mark.parametrize("name", SLOW)
def test_a_bad_upload_is_one_sentence(one_page, name):
    visitor, folder = one_page
    data, line = PICTURES[name]
    for kind in ("picture", "mask"):
        answer = visitor.post(f"{visitor.address}/api/upload/{kind}?name={name}", data=data)
        error = answer.json()["error"]
        assert answer.status_code == 400 and re.search(line, error) and name in error
        assert "\n" not in error and "Traceback" not in error and str(folder) not in error
        assert not re.search("method=|max_megapixels=|nst ", error)  # advice that a visitor can't take
    assert not [file for file in folder.rglob("*") if file.is_file() and name.rpartition(".")[2] in file.suffix]


def test_what_is_too_large_is_refused(tmp_path):
    with served(tmp_path / "page", megapixels=1, megabytes=0.05) as address:
        visitor = Visitor(address, watches=False)
        noise = encoded("bmp", (200, 200))
        assert "larger than 0.05 megabytes" in visitor.ask("upload/picture?name=a.bmp", data=noise)["error"]
        large = png(2000, 1000, chunk(b"IDAT", b""))
        assert "limit of 1; give a smaller picture" in visitor.ask("upload/picture?name=a.png", data=large)["error"]
        black = encoded("png", (50, 40), "L")
        assert "black everywhere" in visitor.ask("upload/mask?name=sky.png", data=black)["error"]
        assert "can't be read" in visitor.ask("runs", data=b"{", headers={"Content-Type": "x"})["error"]
        assert not [file for file in (tmp_path / "page").rglob("*s/*") if file.is_file()]


@pytest.mark.slow
def test_a_stopped_picture_goes_on_to_the_same_end(visit):
    visitor = visit()
    many = TINY | {"steps": 200}
    whole = visitor.ask("runs", many)["id"]
    assert visitor.ends(whole)["state"] == "finished"
    cut = visitor.ask("runs", many)["id"]
    until(lambda: said(visitor, f'"id": "{cut}", "place": 0.*"losses"'))
    visitor.ask(f"runs/{cut}/stop")
    known = visitor.ends(cut)
    assert (known["state"], known["reason"], known["picture"]) == ("interrupted", "you stopped it", "partial.png")
    visitor.ask(f"runs/{cut}/go_on")
    assert visitor.ends(cut)["state"] == "finished"
    assert visitor.picture(whole).tobytes() == visitor.picture(cut).tobytes()


@pytest.mark.slow
def test_the_command_on_the_page_makes_the_picture(visit, tmp_path, train):
    visitor = visit()
    picture = visitor.ask("upload/picture?name=a+b.png", data=encoded("jpeg", (90, 60)))["id"]
    mask = visitor.ask("upload/mask?name=m.png", data=flat("L", 255))
    styles = [{"name": "mosaic", "share": 2}, {"picture": picture}]
    asked = {**TINY, "sample": None, "photograph": picture, "styles": styles, "balance": 1, "colours": "photograph"}
    known = visitor.ends(run := visitor.ask("runs", asked)["id"])
    assert known["state"] == "finished" and "error" not in mask
    import shlex

    done = train(*shlex.split(known["command"])[1:], f"hydra.run.dir={tmp_path / 'typed'}")
    assert done.returncode == 0, done.stderr
    assert Image.open(tmp_path / "typed" / "final.png").tobytes() == visitor.picture(run).tobytes()


@pytest.mark.slow
def test_the_first_result_is_the_network_s_and_obeys_the_brush(visit):
    visitor = visit()
    photograph = visitor.ask("upload/picture?name=a.png", data=flat("RGB", (200, 90, 30)))["id"]
    half = Image.new("L", (64, 48))
    half.paste(255, (0, 0, 32, 48))
    out = io.BytesIO()
    half.save(out, "png")
    left = visitor.ask("upload/mask?name=left.png", data=out.getvalue())["id"]
    plain = {**TINY, "sample": None, "photograph": photograph, "steps": 1}
    asked = {
        "mosaic": {},
        "hatching": {"styles": [{"name": "hatching"}]},
        "both": {"styles": [{"name": "mosaic", "mask": left}, {"name": "hatching"}]},
        "kept": {"keep": left},
    }
    pictures = {}
    for name, more in asked.items():
        visitor.ends(run := visitor.ask("runs", plain | more)["id"])
        pictures[name] = np.asarray(visitor.picture(run, "first.jpg"), dtype=float)
    assert abs(pictures["mosaic"] - pictures["hatching"]).mean() > 20
    near = {"rtol": 0, "atol": 12}  # JPEG
    np.testing.assert_allclose(pictures["both"][:, :24], pictures["mosaic"][:, :24], **near)
    np.testing.assert_allclose(pictures["both"][:, 40:], pictures["hatching"][:, 40:], **near)
    np.testing.assert_allclose(pictures["kept"][:, :24], np.broadcast_to((200, 90, 30), (48, 24, 3)), **near)
    own = visitor.ends(visitor.ask("runs", plain | {"styles": [{"picture": photograph}]})["id"])
    assert own["state"] == "finished" and "first.jpg" in own["files"]
    assert re.search(r"style=\S+:1", own["first"])


@pytest.mark.slow
def test_a_state_is_where_another_picture_starts(visit):
    visitor = visit()
    run = visitor.ask("runs", TINY | {"steps": 16})["id"]
    states = visitor.ends(run)["states"]
    assert states == [f"state_{step:05d}.png" for step in range(2, 16, 2)]
    start = {"run": run, "file": states[2]}
    known = visitor.ends(visitor.ask("runs", TINY | {"start": start, "steps": 1, "colours": "photograph"})["id"])
    assert known["state"] == "finished" and "init=file init.path=" in known["command"]


@pytest.mark.slow
def test_a_grid_paints_nine(visit):
    visitor = visit()
    known = visitor.ends(
        visitor.ask("runs", TINY | {"steps": 1, "grid": {"across": "balance", "down": "strokes"}})["id"]
    )
    assert [name for name in known["files"] if name.startswith("cell_")] == [f"cell_{n}.jpg" for n in range(9)]
    assert len({(cell["balance"], cell["strokes"]) for cell in known["grid"]["cells"]}) == 9
    assert "grid varies" in visitor.ask("runs", TINY | {"grid": {"across": "balance", "down": "balance"}})["error"]


@pytest.mark.slow
def test_a_visitor_who_goes_frees_the_line(visit):
    gone, stays = visit(), visit()
    first = gone.ask("runs", LONG)["id"]
    second = stays.ask("runs", TINY)["id"]
    until(lambda: said(gone, '"losses"') and said(stays, '"place": 1'))
    gone.leave()
    assert stays.ends(second)["state"] == "finished"
    known = gone.told(f"runs/{first}")
    assert (known["state"], known["reason"], known["picture"]) == (
        "interrupted", "your browser was closed", "partial.png",
    )  # fmt: skip


@pytest.mark.slow
def test_a_process_that_is_killed_ends_its_picture_alone(visit, tmp_path):
    visitor = visit()
    first, second = (visitor.ask("runs", steps)["id"] for steps in (LONG, TINY))
    until(lambda: visitor.state(first) == "running")
    until(lambda: list((tmp_path / "page").glob(f"*/runs/{first}/status.json")))  # it runs before it says so itself
    (left,) = (tmp_path / "page").glob(f"*/runs/{first}/status.json")
    os.kill(json.loads(left.read_text())["pid"], signal.SIGKILL)
    assert visitor.ends(second)["state"] == "finished"
    known = visitor.told(f"runs/{first}")
    assert known["state"] == "failed" and "SIGKILL; was the memory too small?" in known["reason"]


@pytest.mark.slow
def test_a_picture_that_takes_too_long_is_stopped_and_kept(tmp_path):
    with served(tmp_path / "page", seconds=4, waiting=1) as address:
        visitor = Visitor(address)
        run = visitor.ask("runs", LONG)["id"]
        assert "1 pictures in the queue" in visitor.ask("runs", TINY)["error"]
        known = visitor.ends(run)
        assert "4 seconds, the limit" in known["reason"] and known["picture"] == "partial.png"
        visitor.leave()


@pytest.fixture
def serve(tmp_path):
    """Start `nst serve` in a process of its own; its process and its address are returned."""
    started = []

    def start(*words):
        command = [sys.executable, "-m", "nst", "serve", "--port", "0", "--folder", tmp_path / "page", *words]
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        started.append(process)
        return process, next(found[1] for line in process.stdout if (found := re.search(r"open (\S+)", line)))

    yield start
    for process in started:
        process.kill()
        process.stdout.close()
        process.wait()


def memory(process):
    """Resident memory of a process, MB."""
    return int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{process}/status").read_text())[1]) / 1000


@pytest.mark.slow
def test_ten_visitors_are_served_in_order_and_sigterm_keeps_what_is_there(serve, tmp_path):
    """Each has a photograph of one colour, which the result must have too."""
    process, address = serve("--waiting", "5")
    with ExitStack() as stack:
        visitors = [Visitor(address) for _ in range(10)]
        for visitor in visitors:
            stack.callback(visitor.leave)
        began = memory(process.pid)
        runs = []
        for number, visitor in enumerate(visitors):
            data = flat("RGB", (25 * number, 128, 255 - 25 * number))
            photograph = visitor.ask(f"upload/picture?name={number}.png", data=data)["id"]
            asked = {**TINY, "sample": None, "photograph": photograph, "colours": "photograph", "steps": 2}
            runs.append(visitor.ask("runs", asked)["id"])
        for visitor, run in zip(visitors, runs, strict=True):
            assert visitor.ends(run)["state"] == "finished"
        ends = [next((tmp_path / "page").glob(f"*/runs/{run}/status.json")).stat().st_mtime for run in runs]
        assert ends == sorted(ends)
        for number, (visitor, run) in enumerate(zip(visitors, runs, strict=True)):
            mean = visitor.picture(run).convert("RGB").resize((1, 1), Image.Resampling.BOX)
            red, _, blue = mean.getpixel((0, 0))
            assert abs((red - blue) - (50 * number - 255)) < 40, number
            assert [one["id"] for one in visitor.told("runs")] == [run]
        assert memory(process.pid) - began < 20
        last, waits = (visitor.ask("runs", LONG)["id"] for visitor in visitors[:2])
        until(lambda: said(visitors[0], f'"{last}", "place": 0.*"losses"'))
        process.send_signal(signal.SIGTERM)
        process.wait(120)
        assert process.returncode == 128 + signal.SIGTERM
        for run, state in ((last, "interrupted"), (waits, None)):
            (folder,) = (tmp_path / "page").glob(f"*/runs/{run}")
            left = json.loads((folder / "status.json").read_text()) if (folder / "status.json").is_file() else {}
            assert left.get("state") == state and (folder / "partial.png").is_file() == (run == last)
        again, address = serve()
        for visitor in visitors[:2]:
            visitor.address = address
        assert [one["id"] for one in visitors[0].told("runs")] == [last, runs[0]]
        assert visitors[1].told(f"runs/{waits}")["state"] == "interrupted"
        again.send_signal(signal.SIGINT)
        assert again.wait(120) == 130
