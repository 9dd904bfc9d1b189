"""Neural style transfer as an experiment framework: Lightning runs it, Hydra composes it, TensorBoard shows it."""

import os
from typing import Any

WAITING = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")
"""Environment variables by which a user says how threads wait; OpenMP reads them when torch is loaded."""

if not any(name in os.environ for name in WAITING):
    os.environ["OMP_WAIT_POLICY"] = "PASSIVE"  # spinning threads take the cores from those that they wait for


def __getattr__(name: str) -> Any:
    """Give the version; it is asked for late, because the search for it takes 20 ms."""
    if name == "__version__":
        from nst.utils.versions import own

        return own()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
