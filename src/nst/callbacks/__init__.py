"""Callbacks of Lightning's trainer: what happens around the steps."""

from nst.callbacks.checkpoint import Checkpoint
from nst.callbacks.early_stop import StopEarly
from nst.callbacks.held_out import HeldOut
from nst.callbacks.images import Preview, Snapshots
from nst.callbacks.pixels import Average, Clamp, Restart
from nst.callbacks.progress import Progress

__all__ = ["Average", "Checkpoint", "Clamp", "HeldOut", "Preview", "Progress", "Restart", "Snapshots", "StopEarly"]
