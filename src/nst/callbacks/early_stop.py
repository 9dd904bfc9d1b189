"""Stop the training of a network when the loss no longer falls."""

from typing import Any

from lightning.pytorch import Callback, Trainer

from nst.methods.network_module import NetworkModule


class StopEarly(Callback):
    """Stop when the mean loss over a window has not beaten the best one for a number of windows.

    Lightning's `EarlyStopping` looks at single values, and at the end of an epoch, which these trainings do not have.

    Args:
        window: Steps.
        patience: Windows in a row that may be no better; 0: never stop.
        least: Fraction of the best mean by which a better one must be lower.

    Attributes:
        is_told: Whether `compare` is called with losses of held-out photographs, which then take the windows' place.
    """

    def __init__(self, *, window: int, patience: int, least: float) -> None:
        if window < 1 or patience < 0:
            raise ValueError(f"training.stop has window {window}, patience {patience}; give 1 or more, 0 or more")
        self.window, self.patience, self.least = window, patience, least
        self.losses: list[float] = []  # of the window so far
        self.best, self.waited = float("inf"), 0
        self.is_told = False

    def on_train_batch_end(self, trainer: Trainer, module: NetworkModule, outputs: Any, *args: Any) -> None:  # type: ignore[override]
        """Add the loss of a batch; at the end of a window compare its mean with the best one."""
        if not self.patience or self.is_told:
            return
        self.losses.append(float(outputs["loss"]))
        if len(self.losses) < self.window * trainer.accumulate_grad_batches:
            return
        mean = sum(self.losses) / len(self.losses)
        self.losses = []
        self.compare(mean, trainer)

    def compare(self, mean: float, trainer: Trainer) -> None:
        """Compare a mean loss with the best one, and stop if the patience is over."""
        self.waited = 0 if mean < self.best * (1 - self.least) else self.waited + 1
        self.best = min(self.best, mean)
        stop = trainer.should_stop or 0 < self.patience <= self.waited
        trainer.should_stop = trainer.strategy.reduce_boolean_decision(stop, all=False)  # one rank alone can't stop

    def state_dict(self) -> dict[str, Any]:
        """Return the losses of the window, the best mean, and the windows since it."""
        return {"losses": self.losses, "best": self.best, "waited": self.waited}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Set what `state_dict` returned."""
        self.losses = list(state_dict["losses"])
        self.best, self.waited = state_dict["best"], state_dict["waited"]
