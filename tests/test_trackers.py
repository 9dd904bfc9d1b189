"""What loggers keep and show of a run that was interrupted and resumed."""

import csv
import re
import zipfile
from importlib.util import find_spec
from itertools import product
from math import isnan
from pathlib import Path

import pytest
import torch
from conftest import cache_in, picture
from lightning.pytorch.loggers import CSVLogger
from tensorboard.backend.event_processing.data_provider import MultiplexerDataProvider
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer
from tensorboard.context import RequestContext
from tensorboard.plugins.base_plugin import TBContext
from tensorboard.plugins.hparams.api_pb2 import ListSessionGroupsRequest
from tensorboard.plugins.hparams.backend_context import Context
from tensorboard.plugins.hparams.list_session_groups import Handler

import nst
from nst.config.invocation import Invocation
from nst.trackers import DescribedTensorBoard, TrackedRun, described, finish, open_loggers, tracker
from nst.utils.extras import EXTRAS


def log(folder: Path, first: int, last: int, *, last_step: int | None) -> list:
    """Log steps as a run does: a scalar each, every fifth a picture; 1000 is added after a resume."""
    row = {"choices": {"lr": 0.1, "style": "mosaic"}, "metrics": ["result/loss"]}
    loggers = open_loggers([DescribedTensorBoard, CSVLogger], TrackedRun(folder=folder, last_step=last_step, **row))
    for step in range(first, last + 1):
        for logger in loggers:
            logger.log_metrics({"loss": step + (1000 if last_step else 0)}, step=step)
        if step % 5 == 0:
            tracker(loggers[0]).image("picture", torch.zeros(3, 8, 8), step)
    for logger in loggers:
        logger.save()
    return loggers


@pytest.fixture
def resumed(tmp_path):
    """A run that was killed at step 23 while it wrote, with its state saved at step 12, and resumed up to step 26."""
    folder = tmp_path / "run"
    log(folder, 1, 23, last_step=None)
    (events,) = folder.glob("events.*")
    events.write_bytes(events.read_bytes()[:-7])  # a torn record
    finish(log(folder, 13, 26, last_step=12), {"result/loss": 0.5})
    return folder


STEPS = list(range(1, 27))
LOSSES = [*range(1, 13), *range(1013, 1027)]


def test_levels_and_frames_share_one_file(tmp_path):
    logger = DescribedTensorBoard(str(tmp_path), name="", version="")
    for step in range(3):  # as many fits, each of which ends with `finalize`
        logger.log_metrics({"loss": 0.5 * step}, step=step)
        logger.finalize("success")
        (file,) = tmp_path.glob("events.*")
        events = EventAccumulator(str(file))
        events.Reload()
        assert len(events.Scalars("loss")) == step + 1


def test_event_accumulator_reads_each_step_once(resumed):
    events = EventAccumulator(str(resumed), size_guidance={"images": 0})
    events.Reload()
    assert [(e.step, e.value) for e in events.Scalars("loss")] == list(zip(STEPS, LOSSES, strict=True))
    assert [e.step for e in events.Images("picture")] == [5, 10, 15, 20, 25]


def test_tensorboard_shows_each_step_once_and_the_row_in_hparams(resumed):
    multiplexer = EventMultiplexer().AddRunsFromDirectory(str(resumed.parent))
    multiplexer.Reload()
    provider = MultiplexerDataProvider(multiplexer, str(resumed.parent))
    where = {"ctx": RequestContext(), "experiment_id": "", "downsample": 1000}
    scalars = provider.read_scalars(plugin_name="scalars", **where)["run"]
    assert [(e.step, e.value) for e in scalars["loss"]] == list(zip(STEPS, LOSSES, strict=True))
    start, end = scalars["result/loss"]
    assert isnan(start.value) and end.value == 0.5
    images = provider.read_blob_sequences(plugin_name="images", **where)["run"]["picture"]
    assert [e.step for e in images] == [5, 10, 15, 20, 25]
    handler = Handler(
        request_context=RequestContext(),
        backend_context=Context(TBContext(data_provider=provider)),
        experiment_id="",
        request=ListSessionGroupsRequest(allowed_statuses=[0, 1, 2, 3], start_index=0, slice_size=9),
    )
    (row,) = handler.run().session_groups
    assert row.hparams["lr"].number_value == 0.1 and row.hparams["style"].string_value == "mosaic"
    assert [(metric.name.tag, metric.value) for metric in row.metric_values] == [("result/loss", 0.5)]


def test_the_csv_file_has_each_step_once(resumed):
    rows = list(csv.DictReader((resumed / "metrics.csv").read_text().splitlines()))
    assert [int(row["step"]) for row in rows] == STEPS
    assert [float(row["loss"]) for row in rows] == LOSSES


def test_every_tag_has_its_description(tmp_path):
    (logger,) = open_loggers([DescribedTensorBoard], TrackedRun(folder=tmp_path / "run", choices={}, metrics=[]))
    logger.log_metrics({"loss": 1.0, "loss/style": 1.0, "term/style/s0": 1.0, "schedule/lr": 0.1}, step=1)
    tracker(logger).image("source/content", torch.zeros(3, 8, 8), 0)
    finish([logger], {"result/judge/score": 0.5})
    multiplexer = EventMultiplexer().AddRunsFromDirectory(str(tmp_path))
    multiplexer.Reload()
    told = {
        tag: multiplexer.SummaryMetadata("run", tag).summary_description
        for tag in ("loss", "loss/style", "term/style/s0", "schedule/lr", "source/content", "result/judge/score")
    }
    assert told == {tag: described(tag) for tag in told}
    assert len(set(told.values())) == len(told) and all(told.values())


def test_the_loss_and_the_picture_sort_before_everything_else():
    tags = [
        "term/style/s0",
        "source/content",
        "source/style_1",
        "schedule/lr",
        "result/loss",
        "picture",
        "loss",
        "loss/tv",
    ]
    assert sorted(tags)[:3] == ["loss", "loss/tv", "picture"]


def test_a_run_of_a_sweep_is_called_by_what_was_swept():
    words = ["size=64", "backbone=wavelet", "weights.style=0.3", "content.path='my photos/me.jpg'"]
    job = Invocation(folder=Path("s/3"), overrides=words, choices={}, number=3)
    job = job.in_sweep_of(Path("s"), ["backbone", "weights.style"], {"backbone": "wavelet", "weights.style": "0.3"})
    assert (job.label, job.group) == ("backbone=wavelet,weights.style=0.3", "s")
    job = job.in_sweep_of(Path("s"), ["content.path"], {})
    assert job.label == "content.path=me"
    alone = Invocation(folder=Path("s"), overrides=words, choices={})
    assert (alone.label, alone.group) == ("", "") and alone.shows("content")


def test_a_sweep_shows_each_source_once():
    swept = {"style": ["mosaic", "hatching"], "weights.style": ["0.3", "1"]}
    first = {key: values[0] for key, values in swept.items()}
    shown = {"content": [], "style": []}
    for number, values in enumerate(product(*swept.values())):
        words = [f"{key}={value}" for key, value in zip(swept, values, strict=True)]
        job = Invocation(folder=Path("s/0"), overrides=words, choices={}, number=number)
        for source, jobs in shown.items():
            jobs += [values] if job.in_sweep_of(Path("s"), list(swept), first).shows(source) else []
    assert shown == {"content": [("mosaic", "0.3")], "style": [("mosaic", "0.3"), ("hatching", "0.3")]}


SMALL = {"backbone": "wavelet", "size": 48, "steps": 4, "threads": 1, "trainer": {"accelerator": "cpu"}}


def paint(photo, logger: str, callback=None, **more) -> "nst.Result":
    words = {"callbacks.snapshots.every": 2, **more}
    return nst.paint(photo, **SMALL, logger=logger, folder="run", callback=callback, overrides=words)


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NST_CACHE", str(cache_in(tmp_path)))
    return tmp_path


@pytest.mark.parametrize("name", ["wandb", "mlflow", "comet"])
def test_a_logger_that_is_not_installed_names_its_extra(here, photo, name):
    if find_spec(EXTRAS[f"logger={name}"][1]) is not None:
        pytest.skip(f"{name} is installed")
    with pytest.raises(ValueError, match=re.escape(f"logger={name} needs an extra: pip install 'nst[{name}]'")):
        nst.paint(photo, **SMALL, logger=name)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_mlflow_has_curves_pictures_choices_and_figures(here, photo):
    mlflow = pytest.importorskip("mlflow")
    store = f"sqlite:///{here}/mlflow.db"  # absolute: MLflow keeps what a relative address was at first
    result = paint(photo, "mlflow", **{"logger.mlflow.tracking_uri": store})
    client = mlflow.tracking.MlflowClient(store)
    (run,) = client.search_runs([client.get_experiment_by_name("nst").experiment_id])
    assert run.info.run_name == "run" and run.info.status == "FINISHED"
    assert run.data.params["backbone"] == "wavelet"
    assert run.data.metrics["result/loss"] == pytest.approx(result.metrics["loss"])
    assert [one.step for one in client.get_metric_history(run.info.run_id, "loss/style")] == [2, 4]
    assert [file for file in client.list_artifacts(run.info.run_id, "images") if "picture" in file.path]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_wandb_has_them_offline(here, photo):
    pytest.importorskip("wandb")
    paint(photo, "wandb", **{"logger.wandb.offline": True})
    (file,) = here.glob("run/wandb/offline-run-*/*.wandb")
    written = file.read_bytes()  # records of protobuf, texts as they are
    assert all(word in written for word in (b"loss/style", b"result/loss", b"wavelet", b"trainer/global_step"))
    pictures = [path for path in file.parent.rglob("*.png") if path.name.startswith("picture")]
    assert len(pictures) == 3 and picture(pictures[0]).size == (48, 32)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_comet_has_them_offline(here, photo, monkeypatch):
    pytest.importorskip("comet_ml")
    with pytest.raises(ValueError, match="logger=comet records nothing"):
        paint(photo, "comet", **{"logger.comet.online": False})
    monkeypatch.setenv("COMET_START_ONLINE", "0")
    nst.paint(photo, **SMALL, logger="comet", folder="again", overrides={"callbacks.snapshots.every": 2})
    (archive,) = [*here.rglob("*.zip")]
    text = b"".join(zipfile.ZipFile(archive).read(name) for name in zipfile.ZipFile(archive).namelist())
    assert all(word in text for word in (b"loss/style", b"result/loss", b"picture", b"wavelet"))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_resumed_run_goes_on_in_the_run_that_it_was(here, photo):
    mlflow = pytest.importorskip("mlflow")
    store = f"sqlite:///{here}/mlflow.db"

    def stop(step):
        if step.number == 3:
            raise KeyboardInterrupt

    with pytest.raises(nst.Stopped):
        paint(photo, "mlflow", callback=stop, **{"logger.mlflow.tracking_uri": store})
    nst.paint(overrides=["resume=run"])
    client = mlflow.tracking.MlflowClient(store)
    (run,) = client.search_runs([client.get_experiment_by_name("nst").experiment_id])
    assert run.info.status == "FINISHED"
