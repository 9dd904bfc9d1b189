"""What happens around the steps of a level."""

from nst.callbacks.checkpoint import Checkpoint
from nst.callbacks.learning import Keep, Preview, StopEarly
from nst.callbacks.pixels import Average, Clamp, Restart
from nst.callbacks.progress import Progress
from nst.callbacks.snapshots import Snapshots

__all__ = ["Average", "Checkpoint", "Clamp", "Keep", "Preview", "Progress", "Restart", "Snapshots", "StopEarly"]
