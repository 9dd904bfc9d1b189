"""Neural style transfer as an experiment framework: Lightning runs it, Hydra composes it, TensorBoard shows it."""

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nst.api import Result, Step, Stopped, Sweep, paint, stylize, sweep

__all__ = ["Result", "Step", "Stopped", "Sweep", "paint", "stylize", "sweep"]

WAITING = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")
"""Environment variables by which a user says how threads wait; OpenMP reads them when torch is loaded."""

if not any(name in os.environ for name in WAITING):
    os.environ["OMP_WAIT_POLICY"] = "PASSIVE"  # spinning threads take the cores from those that they wait for


def __getattr__(name: str) -> Any:
    """Import what is asked for when it is asked for: torch takes two seconds, the search for the version 20 ms."""
    if name in __all__:
        from nst import api

        return getattr(api, name)
    if name == "__version__":
        from nst.utils.versions import own

        return own()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
