"""Versions of what a run depends on."""

import platform
from importlib.metadata import version

PACKAGES = ("nst", "torch", "torchvision", "lightning", "hydra-core", "pillow", "numpy")


def versions() -> dict[str, str]:
    """Return package -> version, with Python's own."""
    return {"python": platform.python_version()} | {name: version(name) for name in PACKAGES}
