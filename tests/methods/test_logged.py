"""What the loggers receive: one row a step, and none for a step that spoilt the picture."""

import csv

import torch
from lightning.pytorch.loggers import CSVLogger
from test_image import method, pictures, styles, trainer

from nst.methods import DivergedError
from nst.methods.pyramid import Level


def logged(objective, noise, folder, *, lr: float, every: int) -> tuple[list[dict[str, str]], str]:
    """The rows of six steps of L-BFGS, and the error that stopped them."""
    trials = method(objective, levels=[Level(32, 6)], optimizer=lambda p: torch.optim.LBFGS(p, lr=lr, max_iter=3))
    stage, said = next(trials.stages(pictures(noise(), styles(noise)))), ""
    try:
        logger = CSVLogger(folder, name="", version="")
        trainer(6, logger=logger, log_every_n_steps=every).fit(stage.module, stage.data)
    except DivergedError as error:
        said = str(error)
    path = folder / "metrics.csv"
    return list(csv.DictReader(path.read_text().splitlines())) if path.exists() else [], said


def test_a_step_of_many_evaluations_is_one_row(objective, noise, tmp_path):
    rows, said = logged(objective, noise, tmp_path, lr=1.0, every=2)
    assert not said and [row["step"] for row in rows] == ["2", "4", "6"]
    assert float(rows[0]["loss"]) > float(rows[-1]["loss"]) > 0
    for row in rows:
        assert row["schedule/lr"] == "1.0" and float(row["loss/content"]) > 0 and len(row) > 5


def test_a_step_that_spoilt_the_picture_has_no_row(objective, noise, tmp_path):
    rows, said = logged(objective, noise, tmp_path, lr=1e30, every=1)
    assert said and not any("nan" in row.values() or "inf" in row.values() for row in rows)
