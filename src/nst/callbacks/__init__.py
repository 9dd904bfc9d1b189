"""What happens around the steps of a level."""

from nst.callbacks.learning import Checkpoint, Preview, StopEarly
from nst.callbacks.pixels import Average, Clamp, Restart
from nst.callbacks.progress import Progress
from nst.callbacks.snapshots import Snapshots

__all__ = ["Average", "Checkpoint", "Clamp", "Preview", "Progress", "Restart", "Snapshots", "StopEarly"]
