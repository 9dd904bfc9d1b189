"""What loggers keep and show of a run that was interrupted and resumed."""

import csv
from math import isnan
from pathlib import Path

import numpy as np
import pytest
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from tensorboard.backend.event_processing.data_provider import MultiplexerDataProvider
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer
from tensorboard.context import RequestContext
from tensorboard.plugins.base_plugin import TBContext
from tensorboard.plugins.hparams.api_pb2 import ListSessionGroupsRequest
from tensorboard.plugins.hparams.backend_context import Context
from tensorboard.plugins.hparams.list_session_groups import Handler

from nst.experiment.loggers import finish, open_loggers


def log(folder: Path, first: int, last: int, *, last_step: int | None) -> list:
    """Log steps as a run does: a scalar each, every fifth a picture; 1000 is added after a resume."""
    row = {"choices": {"lr": 0.1, "style": "mosaic"}, "metrics": ["final/loss"]}
    loggers = open_loggers([TensorBoardLogger, CSVLogger], folder, last_step=last_step, **row)
    for step in range(first, last + 1):
        for logger in loggers:
            logger.log_metrics({"loss": step + (1000 if last_step else 0)}, step=step)
        if step % 5 == 0:
            loggers[0].experiment.add_image("picture", np.zeros((3, 8, 8), np.float32), step)
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
    finish(log(folder, 13, 26, last_step=12), {"final/loss": 0.5})
    return folder


STEPS = list(range(1, 27))
LOSSES = [*range(1, 13), *range(1013, 1027)]


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
    start, end = scalars["final/loss"]
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
    assert [(metric.name.tag, metric.value) for metric in row.metric_values] == [("final/loss", 0.5)]


def test_the_csv_file_has_each_step_once(resumed):
    rows = list(csv.DictReader((resumed / "metrics.csv").read_text().splitlines()))
    assert [int(row["step"]) for row in rows] == STEPS
    assert [float(row["loss"]) for row in rows] == LOSSES
