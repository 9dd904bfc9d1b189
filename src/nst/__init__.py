"""Neural style transfer as an experiment framework: Lightning runs it, Hydra composes it, TensorBoard shows it."""

import os
from importlib.metadata import PackageNotFoundError, version

WAITING = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")
"""Environment variables by which a user says how threads wait; OpenMP reads them when torch is loaded."""

if not any(name in os.environ for name in WAITING):
    os.environ["OMP_WAIT_POLICY"] = "PASSIVE"  # spinning threads take the cores from those that they wait for

try:
    __version__ = version("nst")
except PackageNotFoundError:  # run from a checkout that was not installed
    __version__ = "0+unknown"
