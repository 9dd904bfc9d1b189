"""What happens around the steps of a level."""

from nst.callbacks.checkpoint import Checkpoint
from nst.callbacks.images import Snapshots
from nst.callbacks.learning import Keep, Preview, StopEarly
from nst.callbacks.pixels import Average, Clamp, Restart
from nst.callbacks.progress import Progress

__all__ = ["Average", "Checkpoint", "Clamp", "Keep", "Preview", "Progress", "Restart", "Snapshots", "StopEarly"]
