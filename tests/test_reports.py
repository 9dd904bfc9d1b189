"""What people report of programs of this kind: each as a row that names the report."""

import json
import logging
import os
import re
import signal
import subprocess
import sys

import pytest
from conftest import QUICK, ROOT
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf

from nst.callbacks.stop_on_signal import CAUGHT, caught
from nst.config import foreign
from nst.config.arguments import arguments, quoted
from nst.data.library import ImageSource
from nst.experiment import status
from nst.metrics.judge import sweep_value
from nst.sweeps import manifest
from nst.utils import files, terminal


@pytest.mark.parametrize("number", CAUGHT, ids=lambda number: signal.Signals(number).name)
def test_a_signal_that_is_ignored_stays_ignored(number):
    before = signal.signal(number, signal.SIG_IGN)
    try:
        with caught() as stop:
            os.kill(os.getpid(), number)
            assert signal.getsignal(number) is signal.SIG_IGN
        assert stop.received is None and signal.getsignal(number) is signal.SIG_IGN
    finally:
        signal.signal(number, before)


NAMES = [
    "~cat.png",
    "it's.png",
    "a\\b.png",
    "a\\",
    "x\\'y",
    "a\\\\${x}.png",
    "${x}\\",
    "été (1), ~.png",
    "C:\\new\\a.jpg",
]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("key", ["content.path", "resume", "style.mask"])
def test_a_name_arrives_as_it_is(key, name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    value = OverridesParser.create().parse_override(*quoted([f"{key}={name}"])).value()
    assert OmegaConf.create({"x": str(value)}).x == name
    (tmp_path / name).touch()
    assert files.user_path(name).is_file()


@pytest.mark.parametrize("name", ["it's", "a\\b", "${x}", "été (1), ~x", "a\\"])
def test_a_run_is_resumed_in_a_folder_of_any_name(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).mkdir()
    (tmp_path / name / "status.json").write_text("{}")
    words = dict(word.split("=", 1) for word in arguments([f"resume={name}"]))
    assert words["hydra.output_subdir"] == "null"
    for key in ("resume", "hydra.run.dir"):
        value = OverridesParser.create().parse_override(f"{key}={words[key]}").value()
        assert OmegaConf.create({"x": str(value)}).x == name


def test_the_folder_of_a_run_may_have_any_name_and_interpolations(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    for typed, read in (
        ("été (1), ~b", "été (1), ~b"),
        ("~/runs/a b", "/home/me/runs/a b"),
        ("out/${size} (a)", "out/64 (a)"),
    ):
        (word,) = quoted([f"hydra.run.dir={typed}"])
        value = OverridesParser.create().parse_override(word).value()
        assert OmegaConf.create({"x": str(value), "size": 64}).x == read


def test_a_name_that_is_no_utf_8_is_one_line():
    with pytest.raises(ValueError, match=r"content.path=caf\?.jpg is no valid UTF-8; rename the file"):
        arguments([os.fsdecode(b"content.path=caf\xe9.jpg")])


def homeless(name):
    raise RuntimeError("could not determine the home directory")  # platformdirs'


def test_without_a_home_the_cache_lasts_for_the_run_and_a_line_says_so(monkeypatch, caplog):
    for name in ("NST_CACHE", "XDG_CACHE_HOME", "TORCH_HOME", "HOME"):
        monkeypatch.setenv(name, "x")  # monkeypatch puts back what the program sets
        monkeypatch.delenv(name)
    monkeypatch.setattr(files, "user_cache_path", homeless)
    with caplog.at_level(logging.WARNING):
        folder = files.cache_folder()
    assert folder.is_absolute() and folder.stat().st_mode & 0o077 == 0
    assert files.cache_folder() == folder and os.environ["TORCH_HOME"].startswith(str(folder))
    assert len(caplog.records) == 1 and "there is no home folder" in caplog.text
    assert files.user_path("~cat.png").name == "~cat.png"


def read_end_closed():
    reader, writer = os.pipe()
    os.close(reader)
    return open(writer, "w", buffering=1)  # noqa: PTH123


STREAMS = {
    "a reader that went away": read_end_closed,
    "a full disk": lambda: open("/dev/full", "w", buffering=1),  # noqa: PTH123, SIM115
    "latin-1": lambda: open(os.devnull, "w", encoding="latin-1"),  # noqa: PTH123, SIM115
    "ASCII": lambda: open(os.devnull, "w", encoding="ascii"),  # noqa: PTH123, SIM115
}


@pytest.mark.parametrize("make", STREAMS.values(), ids=STREAMS)
def test_output_never_ends_a_run(make, monkeypatch):
    stream = make()
    monkeypatch.setattr(sys, "stdout", stream)
    with terminal.steady():
        logger = logging.StreamHandler(sys.stdout)
        for _ in range(3):
            print("1/2 • 3 ━━ 日本 \udce9", flush=True)
            logger.emit(logging.LogRecord("nst", 20, "", 0, "• done", None, None))
    assert sys.stdout is stream
    stream.close()


FOREIGN = {
    "trainer.max_steps=100": "steps=",
    "trainer.max_epochs=3": "steps=",
    "+trainer.fast_dev_run=true": "size=64 steps=1",
    "debug=default": "size=64 steps=1",
    "ckpt_path=a.ckpt": "resume=FOLDER",
    "hparams_search=optuna": "search=weights",
    "tags=[a]": "name=",
    "content=photo.jpg": "content.path=photo.jpg",
    "style=my art.png": "style.path=my art.png",
    "content_weight=1": "weights.content=",
    "trainer.gpus=1": "trainer=gpu",
    "+hydra.sweeper.params={seed: '0,1'}": "with -m: seed=0,1",
}


@pytest.mark.parametrize("word", FOREIGN)
def test_words_of_other_projects_get_a_line_that_names_ours(word):
    with pytest.raises(ValueError, match="give") as refused:
        foreign.refuse([word])
    assert FOREIGN[word] in str(refused.value)


def test_words_of_ours_are_none_of_others():
    known = OmegaConf.load(ROOT / "conf/train.yaml")
    trainer = OmegaConf.load(ROOT / "conf/trainer/auto.yaml")
    assert not set(foreign.TOP) & set(known) and not set(foreign.TRAINER) & set(trainer)
    foreign.refuse(
        ["content=chelsea", "style=[mosaic,hatching]", "style=composition_vii", "name=a.b", "content.path=a.jpg"]
    )


def test_glob_gives_the_files_of_a_sweep(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    for name in ("b (1).jpg", "a.jpg", "c.png"):
        (tmp_path / "photos" / name).touch()
    assert quoted(["-m", "content.path=glob(photos/*.jpg)"])[1] == "content.path=photos/a.jpg,'photos/b (1).jpg'"
    assert quoted(["-m", "content.path=glob(photos/*,exclude=photos/*.jpg)"])[1] == "content.path=photos/c.png"
    with pytest.raises(ValueError, match="matches no file"):
        quoted(["-m", "content.path=glob(photos/*.gif)"])


def test_a_users_own_files_are_called_what_they_are():
    assert ImageSource("chelsea", sample="chelsea").used == "chelsea"
    own = ImageSource("chelsea", sample="chelsea", path="photos/me.jpg")
    assert (own.used, own.short) == ("photos/me.jpg", "me")


def test_no_infinity_gets_into_a_json_file(tmp_path):
    status.write(tmp_path, "finished", objective=[float("inf"), 1.0], more={"x": float("nan")})
    assert "Infinity" not in (tmp_path / status.NAME).read_text() and "NaN" not in (tmp_path / status.NAME).read_text()
    assert status.outcome(["a", "b"], status.read(tmp_path)) == [float("inf"), 1.0]
    status.write(tmp_path, "finished", objective=sweep_value("lpips", {}))
    assert json.loads((tmp_path / status.NAME).read_text())["objective"] is None
    assert status.outcome("lpips", status.read(tmp_path)) == float("inf")


SUBDIRS = {
    "numbers": ["0", "1", "10", "2"],
    "override_dirname": ["seed=0", "seed=1"],
    "a number in a folder": ["a/0", "a/1", "a/10"],
    "names in numbers": ["0/x", "1/x"],
}


@pytest.mark.parametrize("names", SUBDIRS.values(), ids=SUBDIRS)
def test_jobs_are_found_wherever_they_are(tmp_path, names):
    sweep = tmp_path / "sweep"
    for name in [*names, "earlier"]:
        (sweep / name).mkdir(parents=True)
        began = "2025-01-01T00:00:00Z" if name == "earlier" else "2026-01-01T00:00:01Z"
        status.write(sweep / name, "finished", began=began)
    manifest.write(sweep, {"began": "2026-01-01T00:00:00Z"})
    found = [str(job.relative_to(sweep)) for job in manifest.jobs(sweep)]
    assert found == sorted(names, key=lambda name: [(not p.isdigit(), p.rjust(9)) for p in name.split("/")])
    (sweep / "no start").mkdir()
    status.write(sweep / "no start", "failed", "lr is no number")
    assert len(manifest.jobs(sweep)) == len(names) + 1


WRITTEN = ["final.png", "level_2_64x43.png", "timelapse.webp", "metrics.json"]


@pytest.mark.parametrize("name", WRITTEN)
def test_a_file_that_a_run_reads_is_not_replaced_by_it(tmp_path, name):
    with pytest.raises(ValueError, match="would be replaced by the run"):
        status.refuse_written(tmp_path, [tmp_path / ".." / tmp_path.name / name])
    status.refuse_written(tmp_path, [tmp_path / "photo.png", tmp_path / "sub" / name])


def test_the_record_holds_what_was_really_used(train, tmp_path, photo):
    photo.rename(tmp_path / "~me.png")
    (tmp_path / "mask.png").write_bytes((ROOT / "src/nst/assets/styles/mosaic.jpg").read_bytes())
    from PIL import Image

    Image.linear_gradient("L").save(tmp_path / "mask.png")
    run = ("content.path=~me.png", "style.path=~me.png", "content.mask=mask.png", "init=file", "init.path=~me.png")
    done = train(*QUICK, "logger=tensorboard", "hydra.run.dir=été (1)", "hydra.job.chdir=true", *run)
    assert done.returncode == 0, done.stderr
    metrics = json.loads((tmp_path / "été (1)/metrics.json").read_text())
    sources = metrics["sources"]
    assert sources["content"]["name"] == sources["styles"][0]["name"] == "~me"
    assert {name: one["sha256"] for name, one in sources["more"].items()} == {
        "content mask": files.sha256(tmp_path / "mask.png"),
        "init": files.sha256(tmp_path / "~me.png"),
    }
    logged = b"".join(file.read_bytes() for file in (tmp_path / "été (1)").glob("events*"))
    assert b"~me.png" in logged and b"chelsea" not in logged and b"swirling_night" not in logged


CHOSEN = {"OMP_WAIT_POLICY": "ACTIVE", "GOMP_SPINCOUNT": "9", "KMP_BLOCKTIME": "0"}


@pytest.mark.parametrize("name", [None, *CHOSEN])
def test_waiting_threads_sleep_unless_the_user_chose(name):
    environment = {key: value for key, value in os.environ.items() if key not in CHOSEN}
    environment |= {} if name is None else {name: CHOSEN[name]}
    code = "import sys, os, nst; assert 'torch' not in sys.modules; print(os.environ.get('OMP_WAIT_POLICY'))"
    said = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    right = "PASSIVE" if name is None else environment.get("OMP_WAIT_POLICY")
    assert said.stdout.strip() == str(right)


def test_scripts_say_how_threads_wait_before_torch_is_loaded():
    for script in [*(ROOT / "scripts").glob("*.py"), ROOT / "train.py", ROOT / "stylize.py"]:
        loads = re.search(r"^(?:import|from) (nst|torch|lightning)", script.read_text(), re.M)
        assert loads is None or loads[1] == "nst" or script.name == "fuzz.py", script  # the fuzzer has one thread
