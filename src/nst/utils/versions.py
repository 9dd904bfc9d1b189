"""Versions of what a run depends on."""

import platform
from importlib.metadata import PackageNotFoundError, version

PACKAGES = ("torch", "torchvision", "lightning", "hydra-core", "pillow", "numpy")


def own() -> str:
    """Return nst's own version."""
    try:
        return version("nst")
    except PackageNotFoundError:  # run from a checkout that was not installed
        return "0+unknown"


def versions() -> dict[str, str]:
    """Return package -> version, with Python's own."""
    return {"python": platform.python_version(), "nst": own()} | {name: version(name) for name in PACKAGES}
