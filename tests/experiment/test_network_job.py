"""A network's training through the real entry point, at the smallest sizes."""

import json
import multiprocessing
import os
import signal
import time

import pytest
import torch
from conftest import _train, cache_in, grey_noise, picture

from nst.networks import io

TINY = (
    "backbone=wavelet",
    "steps=4",
    "threads=1",
    "trainer.accelerator=cpu",
    "training.crop=32",
    "training.batch=2",
    "training.preview_size=32",
    "training.checkpoint_every=2",
    "trainer.log_every_n_steps=2",
    "method.style_size=32",
    "method.network.blocks=1",
)
WIDTHS = {"adain": "method.network.width=2"}
"""Method -> the channels of its network; of the others those of the U-Net."""


def tiny(method, *more, folder="run"):
    widths = WIDTHS.get(method, "method.network.widths=[2,2,4,4]")
    return (f"method={method}", *TINY, widths, f"hydra.run.dir={folder}", *more)


def state(path):
    return {name.removeprefix("network."): value for name, value in io.read(path)["state_dict"].items()}


def same(one, two):
    return one.keys() == two.keys() and all(torch.equal(one[name], two[name]) for name in one)


def read(folder, name):
    return json.loads((folder / name).read_text())


def test_a_training_leaves_a_network_that_paints_and_its_record(train, tmp_path):
    every = ("training.preview_every=2", "training.held_out_every=2", "method.steady=10")
    done = train(*tiny("feedforward", "style=starry_night", "data=samples", *every))
    assert done.returncode == 0, done.stderr
    assert "network: " in done.stdout
    run = tmp_path / "run"
    trained = io.load(run / "network.ckpt")
    assert (trained.method, trained.styles) == ("feedforward", ["starry_night"])
    assert trained.config["steps"] == 4
    shared = io.load(run / "network.safetensors")
    assert same(shared.network.state_dict(), trained.network.state_dict())
    assert picture(run / "final.png").size == (32, 16)
    assert read(run, "status.json")["state"] == "finished"
    metrics = read(run, "metrics.json")
    assert metrics["steps"] == 4 and metrics["pictures"] == 16
    held_out = metrics["held_out"]
    assert len(held_out.pop("photographs")) == 4
    assert held_out["loss"] == pytest.approx(held_out["style"] + held_out["content"] + held_out["steady"])
    card = (run / "README.md").read_text()
    assert "| styles | starry_night |" in card and f"held-out photographs | loss {held_out['loss']:.4g}" in card
    assert metrics["terms"]["steady"] > 0
    assert metrics["loss"] == pytest.approx(sum(metrics["terms"].values()), rel=1e-5)  # float32
    inside = torch.load(run / "last.ckpt", weights_only=True)
    assert all(name.startswith("network.") for name in inside["state_dict"])  # never the frozen loss network
    assert inside["global_step"] == 4 and inside["optimizer_states"] and inside["lr_schedulers"]
    scalars, pictures = _tensorboard(run)
    assert {"loss", "loss/style", "loss/content", "schedule/lr", "result/loss", "held_out/style"} <= scalars
    assert {"source/content", "picture/starry_night"} <= pictures


def test_a_training_shorter_than_an_interval_of_the_log_leaves_its_network_too(train, tmp_path):
    done = train(*tiny("feedforward", "style=mosaic", "trainer.log_every_n_steps=50", "steps=1"))
    assert done.returncode == 0, done.stderr
    assert io.load(tmp_path / "run" / "network.ckpt").styles == ["mosaic"]
    assert read(tmp_path / "run", "metrics.json")["loss"] > 0


@pytest.mark.slow
def test_two_processes_learn_what_one_with_twice_the_batch_learns(train, tmp_path):
    shared = ("trainer=ddp", "trainer.accelerator=cpu", "trainer.devices=2", "training.batch=1")
    (tmp_path / "README.md").write_text("mine")
    for more, folder in (((), "one"), (shared, "two")):
        done = train(*tiny("feedforward", "style=mosaic", "steps=1", *more, folder=folder))
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "README.md").read_text() == "mine"  # the second process leaves nothing here
    assert not [name for name in ("network.ckpt", "last.ckpt", "final.png") if (tmp_path / name).exists()]
    one, two = (state(tmp_path / folder / "network.ckpt") for folder in ("one", "two"))
    weights = [name for name in one if name.endswith("conv.weight")]
    assert weights  # what a norm cancels has a gradient of rounding alone, of which Adam's first step makes a whole one
    assert max((one[name] - two[name]).abs().max().item() for name in weights) < 1e-5  # a step is 3e-3


def _tensorboard(run):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    scalars, pictures = set(), set()
    for file in run.glob("events*"):
        events = EventAccumulator(str(file))
        events.Reload()
        scalars |= set(events.Tags()["scalars"])
        pictures |= set(events.Tags()["images"])
    return scalars, pictures


@pytest.mark.parametrize("more", [(), pytest.param(("trainer.accumulate_grad_batches=2",), marks=pytest.mark.slow)])
def test_a_resumed_training_ends_with_the_same_bits(train, tmp_path, more):
    for folder, extra in (("whole", ()), ("half", ("steps=2",)), ("rest", ("base=half",))):
        options = tiny("multistyle", "style=[mosaic,hatching]", "scheduler=constant", *more, *extra, folder=folder)
        done = train(*options)
        assert done.returncode == 0, done.stderr
    assert same(state(tmp_path / "whole/network.ckpt"), state(tmp_path / "rest/network.ckpt"))
    assert not same(state(tmp_path / "whole/network.ckpt"), state(tmp_path / "half/network.ckpt"))
    assert "other choices for steps" in done.stdout  # said, since the schedule may hang on it


def _steps(run):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(run), size_guidance={"scalars": 0})
    events.Reload()
    return [event.step for event in events.Scalars("loss")]


def test_a_network_for_any_style_begins_with_one_for_known_styles(train, tmp_path, noise):
    styles, size = "style=[mosaic,hatching]", "method.style_size=64"
    assert train(*tiny("multistyle", styles, size, "optimizer.lr=0.1", folder="known")).returncode == 0
    still = ("method.start=known/network.safetensors", "optimizer.lr=1e-9", "training.style_crop=48")
    done = train(*tiny("any_style", styles, size, *still, folder="any"))
    assert done.returncode == 0, done.stderr
    known, both = io.load(tmp_path / "known/network.ckpt"), io.load(tmp_path / "any/network.safetensors")
    assert both.styles == known.styles == ["mosaic", "hatching"]
    photo, painted = noise(64, 64), []
    for name in known.styles:
        looks = (
            one.network.condition(one.known_style(name)[None], torch.ones(1, 1, 1, 1), 1.0) for one in (known, both)
        )
        painted.append([one.network(photo, look) for one, look in zip((known, both), looks, strict=True)])
        assert (painted[-1][0] - painted[-1][1]).abs().max() < 0.05  # what is learned beside the straight line is small
    assert (painted[0][0] - painted[1][0]).abs().max() > 0.1
    for words, line in (
        (("style=mosaic", *still), "knows mosaic, hatching, not mosaic"),
        ((styles, "method.start=any/network.ckpt"), "give a network of method=multistyle"),
        ((styles, *still, "method.network.embedding=1"), "an embedding of 2 or more"),
    ):
        done = train(*tiny("any_style", *words, folder="bad"))
        assert done.returncode == 1 and line in done.stderr and len(done.stderr.splitlines()) == 1


@pytest.mark.slow
@pytest.mark.parametrize("method", ["adain", "any_style"])
def test_a_training_killed_with_sigkill_and_resumed_reaches_the_same_bits(train, tmp_path, method):
    options = ["training.checkpoint_every=1", "steps=30", "style=mosaic", "training.style_crop=32", "method.steady=10"]
    options += ["method.network.channels=4"] if method == "adain" else []
    server = multiprocessing.get_context("forkserver")
    arguments = tiny(method, *options, folder="killed")
    process = server.Process(target=_train, args=(arguments, tmp_path, {"NST_CACHE": str(cache_in(tmp_path))}))
    process.start()
    deadline = time.time() + 120
    while not (tmp_path / "killed/last.ckpt").exists() and time.time() < deadline:
        time.sleep(0.02)
    time.sleep(0.2)
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert not (tmp_path / "killed/network.ckpt").exists()
    for words in (tiny(method, *options, folder="whole"), ("resume=killed",)):
        done = train(*words)
        assert done.returncode == 0, done.stderr
    assert read(tmp_path / "killed", "metrics.json")["resumed"].endswith("killed/last.ckpt")
    assert read(tmp_path / "whole", "metrics.json")["terms"]["steady"] > 0
    assert same(state(tmp_path / "whole/network.ckpt"), state(tmp_path / "killed/network.ckpt"))
    assert _steps(tmp_path / "killed") == _steps(tmp_path / "whole")


@pytest.mark.slow
def test_a_new_style_leaves_the_others_bit_identical(train, tmp_path, noise):
    assert train(*tiny("multistyle", "style=[mosaic,hatching]", folder="two")).returncode == 0
    done = train(*tiny("multistyle", "style=great_wave", "base=two", folder="three"))
    assert done.returncode == 0, done.stderr
    two, three = io.load(tmp_path / "two/network.ckpt"), io.load(tmp_path / "three/network.ckpt")
    assert three.styles == ["mosaic", "hatching", "great_wave"]
    before, after = two.network.state_dict(), three.network.state_dict()
    assert all(torch.equal(after[name], value) for name, value in before.items())
    new = set(after) - set(before)
    assert new and all(".scales.2" in name or ".shifts.2" in name for name in new)
    photo = noise(32, 32)
    for i in range(2):
        assert torch.equal(two.network(photo, torch.eye(2)[i : i + 1]), three.network(photo, torch.eye(3)[i : i + 1]))
    mean = [(before[name[:-1] + "0"] + before[name[:-1] + "1"]) / 2 for name in sorted(new)]
    assert any(not torch.equal(after[name], value) for name, value in zip(sorted(new), mean))  # it has learned


@pytest.mark.slow
def test_a_training_is_not_resumed_as_another_method_or_with_other_styles(train, tmp_path):
    assert train(*tiny("feedforward", "style=mosaic", folder="one")).returncode == 0
    for options, words in (
        (("adain", "style=mosaic"), "is of method=feedforward, not adain"),
        (("feedforward", "style=hatching"), "learned mosaic, not hatching"),
    ):
        done = train(*tiny(*options, "base=one", folder="two"))
        assert done.returncode == 1
        assert words in done.stderr and len(done.stderr.splitlines()) == 1


@pytest.mark.slow
def test_a_folder_with_a_broken_file_trains_and_names_it(train, tmp_path):
    (tmp_path / "photos").mkdir()
    for i in range(3):
        grey_noise((48, 48), 50, i).convert("RGB").save(tmp_path / f"photos/{i}.png")
    (tmp_path / "photos/broken.jpg").write_bytes(b"nothing")
    done = train(*tiny("feedforward", "data=folder", "data.path=photos", "training.workers=1"))
    assert done.returncode == 0, done.stderr
    assert "1 of 4 pictures can't be read: photos/broken.jpg" in done.stdout
    assert "photos/broken.jpg" in read(tmp_path / "run", "metrics.json")["skipped"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("method=feedforward", "style=[mosaic,hatching]"), "learns one style, not 2"),
        (("method=feedforward", "data=folder", "data.path=none"), "is no folder"),
        (("method=feedforward", "training.crop=30"), "multiple of 8"),
        (("method=feedforward", "base=none"), "checkpoint not found"),
        (("method=feedforward", "training.batch=x"), "training.batch is 'x'; expected a whole number"),
        (("method=feedforward", "training.gains.contents=2"), "contents"),
    ],
)
def test_wrong_choices_get_one_clear_line(train, arguments, words):
    done = train(*arguments, "threads=1", "logger=none")
    assert done.returncode == 1
    assert words in done.stderr and len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("by", [("training.held_out=0", "training.stop.window=3"), ("training.held_out_every=3",)])
def test_an_early_stop_ends_where_the_loss_no_longer_falls(train, tmp_path, by):
    more = (
        "steps=200",
        "optimizer.lr=1e-9",
        *by,
        "training.stop.patience=2",
        "training.stop.least=0.9",
    )
    done = train(*tiny("feedforward", *more))
    assert done.returncode == 0, done.stderr
    assert (
        read(tmp_path / "run", "metrics.json")["steps"] == 9
    )  # a first window or measurement, and two that are no better


def test_bf16_trains_and_keeps_parameters_in_full(train, tmp_path):
    done = train(*tiny("feedforward", "trainer=bf16", "trainer.log_every_n_steps=2"))
    assert done.returncode == 0, done.stderr
    assert all(value.dtype == torch.float32 for value in state(tmp_path / "run/network.ckpt").values())
