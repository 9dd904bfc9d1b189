"""Neural style transfer as an experiment framework: Lightning runs it, Hydra composes it, TensorBoard shows it."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("nst")
except PackageNotFoundError:  # run from a checkout that was not installed
    __version__ = "0+unknown"
