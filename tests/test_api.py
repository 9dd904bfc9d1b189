"""nst from Python: the same bytes as its commands, and nothing left behind in the process."""

import gc
import logging
import os
import random
import signal
import threading
import warnings

import pytest
import torch
from conftest import cache_in
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig

import nst

TINY = {
    "backbone": "wavelet",
    "size": 48,
    "steps": 3,
    "logger": "none",
    "trainer": {"accelerator": "cpu"},
    "threads": 1,
}
WORDS = ["backbone=wavelet", "size=48", "steps=3", "logger=none", "trainer.accelerator=cpu", "threads=1"]


@pytest.fixture(autouse=True)
def away(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NST_CACHE", str(cache_in(tmp_path)))
    monkeypatch.delenv("NST_REPORT", raising=False)


def test_paint_gives_the_bytes_of_the_command(train, tmp_path, photo):
    result = nst.paint("photo.png", **TINY, style="mosaic", weights={"style": 0.5}, folder="python")
    done = train("content.path=photo.png", *WORDS, "style=mosaic", "weights.style=0.5", "hydra.run.dir=typed")
    assert done.returncode == 0, done.stderr
    assert result.path == tmp_path / "python" / "final.png"
    assert result.path.read_bytes() == (tmp_path / "typed" / "final.png").read_bytes()
    assert result.image.size == (48, 32)
    assert result.metrics["terms"].keys() == {"content", "style"}
    assert result._repr_png_() == result.path.read_bytes()
    assert {file.name for file in result.folder.iterdir()} >= {"config.yaml", "status.json", "train.log"}


def test_a_function_sees_every_step(photo):
    seen = []
    result = nst.paint(photo, **TINY, callback=seen.append, folder="run")
    assert [step.number for step in seen] == [1, 2, 3]
    assert all(step.losses.keys() == {"loss", "content", "style"} for step in seen)
    weights = result.metrics["weights"]
    for step in seen:
        assert step.losses["loss"] == pytest.approx(sum(weights[k] * step.losses[k] for k in weights), rel=1e-5)
    assert seen[-1].image.size == result.image.size


def test_a_step_says_how_much_of_the_work_is_done(photo):
    seen = []
    nst.paint(photo, **TINY | {"size": 96}, callback=seen.append, folder="run", overrides={"pyramid.smallest": 48})
    assert {(step.level, step.levels, step.size) for step in seen} == {(1, 2, (32, 48)), (2, 2, (64, 96))}
    assert [step.done for step in seen] == pytest.approx([1 / 15, 2 / 15, 3 / 15, 7 / 15, 11 / 15, 1])


def process_state():
    environment = {key: value for key, value in os.environ.items() if key != "PYTEST_CURRENT_TEST"}
    loggers = {
        name: (log.level, log.propagate, list(log.handlers), list(log.filters))
        for name in ("", "nst", "lightning", "lightning.pytorch", "lightning.fabric", "py.warnings")
        for log in [logging.getLogger(name)]
    }
    return {
        "environment": environment,
        "loggers": loggers,
        "signals": {number: signal.getsignal(number) for number in signal.valid_signals()},
        "threads": torch.get_num_threads(),
        "filters": list(warnings.filters),
        "random": (random.getstate(), torch.get_rng_state().tolist()),
        "hydra": (GlobalHydra.instance().is_initialized(), HydraConfig.initialized()),
        "running": {thread.name for thread in threading.enumerate()},
        "files": sorted(os.readlink(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd") if _is_file(fd)),  # noqa: PTH115, PTH208
    }


def _is_file(fd):
    try:
        return os.readlink(f"/proc/self/fd/{fd}").startswith("/tmp")  # noqa: PTH115
    except OSError:
        return False


@pytest.mark.parametrize("more", [{}, {"logger": "tensorboard"}, {"content": "nowhere"}, {"steps": -1}])
def test_nothing_of_the_process_is_changed(photo, more):
    torch.set_num_threads(1)
    before = process_state()
    options = TINY | {"threads": 2} | more
    if "logger" in more or not more:
        nst.paint(photo, **options)
    else:
        with pytest.raises(ValueError, match=r"there is no content=nowhere|steps is -1"):
            nst.paint(photo, **options)
    assert process_state() == before


def test_many_calls_keep_no_memory(photo):
    def tensors():
        gc.collect()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return sum(issubclass(type(one), torch.Tensor) for one in gc.get_objects())

    nst.paint(photo, **TINY)
    before = tensors()
    for _ in range(3):
        nst.paint(photo, **TINY)
    assert tensors() == before


def test_a_callback_that_stops_keeps_the_picture(photo):
    def stop(step):
        if step.number == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt, match=r"the picture so far is .*partial\.png; to go on: resume=") as stopped:
        nst.paint(photo, **TINY, callback=stop, folder="run")
    assert stopped.value.result.image.size == (48, 32)
    again = nst.paint(folder=None, overrides=[f"resume={stopped.value.folder}"])
    assert again.path.name == "final.png"
    with pytest.raises(nst.api.Stopped, match="it kept no state; to begin again: resume="):
        nst.paint(photo, **TINY, callback=stop, folder="other", checkpoint="none")


def test_ctrl_c_keeps_the_picture(photo):
    before = signal.getsignal(signal.SIGINT)
    press = lambda step: step.number == 2 and signal.raise_signal(signal.SIGINT)  # noqa: E731
    with pytest.raises(nst.Stopped) as stopped:
        nst.paint(photo, **TINY, callback=press)
    assert stopped.value.result.path.name == "partial.png"
    assert signal.getsignal(signal.SIGINT) is before


def test_it_paints_outside_of_the_main_thread(photo):
    results = []
    threads = [
        threading.Thread(target=lambda name: results.append(nst.paint(photo, **TINY, folder=name)), args=(name,))
        for name in ("one", "two")
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({result.path.read_bytes() for result in results}) == 1
    assert len(results) == 2


def test_a_fallback_is_told(photo, caplog):
    result = nst.paint(photo, **TINY, style="starry_night", overrides=["download.hosts=[]"])
    assert "swirling_night is used instead" in caplog.text
    assert len(result.metrics["warnings"]) == 1


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"style": "stary_night"}, "there is no style=stary_night; nearest: starry_night"),
        ({"siize": 3}, "siize"),
        ({"size": "abc"}, "size is 'abc'; expected a whole number"),
        ({"overrides": ["-m"]}, "-m is for many runs; call nst.sweep"),
        ({"search": "weights"}, "search=weights is for many runs; call nst.sweep"),
    ],
)
def test_a_wrong_option_is_an_error_of_one_line(photo, options, line):
    with pytest.raises(ValueError, match=line) as wrong:
        nst.paint(photo, **TINY | options)
    assert "\n" not in str(wrong.value)


@pytest.mark.slow
def test_a_sweep_is_a_table(photo, tmp_path):
    runs = nst.sweep(photo, **TINY, style=["mosaic", "hatching"], weights={"style": [0.3, 1]}, folder="sweep")
    assert runs.swept == ["style", "weights.style"]
    assert [(row["style"], row["weights.style"]) for row in runs] == [
        ("mosaic", 0.3), ("mosaic", 1), ("hatching", 0.3), ("hatching", 1),
    ]  # fmt: skip
    assert {row["state"] for row in runs} == {"finished"}
    assert runs.best("judge.content")["judge.content"] == min(row["judge.content"] for row in runs)
    assert runs.gallery.is_file()
    alone = nst.paint(photo, **TINY, style="mosaic", weights={"style": 0.3}, folder="alone")
    assert runs[0]["result"].image.tobytes() == alone.image.tobytes()
    assert "<table>" in runs._repr_html_()
    with pytest.raises(ValueError, match="there is no style=mosiac"):
        nst.sweep(photo, **TINY, style=["mosiac"], progress=False)


@pytest.mark.slow
def test_a_network_is_trained_and_paints(photo, tmp_path):
    network = {"network": {"widths": [4, 4, 8, 8], "blocks": 1}, "style_size": 32}
    small = {"batch": 1, "crop": 32, "preview_size": 32}
    losses = []
    trained = nst.paint(
        photo, method="feedforward", steps=2, training=small, logger="none", threads=1, folder="network",
        overrides={f"method.{key}": value for key, value in network.items()} | {"trainer.accelerator": "cpu"},
        callback=lambda step: losses.append(step.losses["loss"]),
    )  # fmt: skip
    assert len(losses) == 2
    painted = nst.stylize(photo, trained.folder / "network.ckpt", output="out.png", threads=1)
    assert painted.path.name == "out.png"
    assert painted.image.size == (96, 64)
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "a.png").write_bytes(photo.read_bytes())
    (folder / "b.png").write_bytes(b"no picture")
    assert [one.path.name for one in nst.stylize(folder, trained.folder / "network.ckpt", threads=1)] == ["a.png"]
    with pytest.raises(ValueError, match="there is no option strenght; nearest: strength"):
        nst.stylize(photo, trained.folder / "network.ckpt", strenght=1)
