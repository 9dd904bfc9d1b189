from types import SimpleNamespace

import pytest
import torch
from lightning.pytorch.strategies import SingleDeviceStrategy

from nst.callbacks import HeldOut, StopEarly


def trainer_of(**more):
    return SimpleNamespace(should_stop=False, strategy=SingleDeviceStrategy(), **more)


def stopped_after(losses, stop, batches=1):
    """How many of the batches were taken."""
    trainer = trainer_of(accumulate_grad_batches=batches)
    for taken, loss in enumerate(losses, start=1):
        stop.on_train_batch_end(trainer, None, {"loss": torch.tensor(loss)}, None, 0)
        if trainer.should_stop:
            return taken
    return None


def test_it_stops_when_windows_in_a_row_are_no_better():
    losses = [4.0, 2.0, 3.0, 3.0, 2.0, 1.0, 3.0, 3.0, 1.6, 1.5]  # means 3, 3, 1.5, 3, 1.55
    assert stopped_after(losses, StopEarly(window=2, patience=2, least=0.001)) == 10
    assert stopped_after(losses, StopEarly(window=2, patience=1, least=0.001)) == 4
    assert stopped_after(losses, StopEarly(window=2, patience=0, least=0.001)) is None


def test_a_step_of_several_batches_is_one_step():
    assert stopped_after([1.0] * 20, StopEarly(window=2, patience=1, least=0.0), batches=3) == 12


def test_it_goes_on_from_its_state():
    whole, first, second = (StopEarly(window=2, patience=2, least=0.001) for _ in range(3))
    losses = [2.0, 2.0, 3.0, 3.0, 3.0, 3.0]
    assert stopped_after(losses, whole) == 6
    assert stopped_after(losses[:3], first) is None
    second.load_state_dict(first.state_dict())
    assert stopped_after(losses[3:], second) == 3


def test_it_stops_when_another_process_does():
    trainer = trainer_of(accumulate_grad_batches=1)
    trainer.strategy = SimpleNamespace(reduce_boolean_decision=lambda own, all: not all)
    stop = StopEarly(window=1, patience=9, least=0.0)
    stop.on_train_batch_end(trainer, None, {"loss": torch.tensor(1.0)}, None, 0)
    assert trainer.should_stop


@pytest.mark.parametrize("options", [{"window": 0, "patience": 1}, {"window": 1, "patience": -1}])
def test_numbers_that_make_no_sense_are_refused(options):
    with pytest.raises(ValueError, match=r"stop has window"):
        StopEarly(least=0.0, **options)


def test_losses_of_held_out_photographs_take_the_windows_place():
    stop = StopEarly(window=1, patience=2, least=0.001)
    held_out = HeldOut([(torch.arange(2), torch.zeros(2, 3, 8, 8), torch.empty(2, 0))], every=10, stop=stop)
    means = iter([3.0, 2.0, 2.0, 4.0])
    method = SimpleNamespace(losses=lambda batch: {"style": torch.tensor(next(means))})
    trainer = trainer_of(accumulate_grad_batches=1, loggers=[], global_step=0)
    while not trainer.should_stop:
        trainer.global_step += 1
        stop.on_train_batch_end(trainer, None, {"loss": torch.tensor(1.0)}, None, 0)
        held_out.on_train_batch_end(trainer, SimpleNamespace(method=method, device="cpu"))
    assert trainer.global_step == 40 and held_out.losses == {"loss": 4.0, "style": 4.0}
