"""Options that need more than this package installs by itself. Imports nothing heavy."""

from importlib.util import find_spec

EXTRAS = {
    "hydra/sweeper=optuna": ("optuna", "hydra_plugins.hydra_optuna_sweeper"),
    "hydra/launcher=joblib": ("joblib", "hydra_plugins.hydra_joblib_launcher"),
    "hydra/launcher=submitit_local": ("slurm", "hydra_plugins.hydra_submitit_launcher"),
    "hydra/launcher=submitit_slurm": ("slurm", "hydra_plugins.hydra_submitit_launcher"),
    "logger=wandb": ("wandb", "wandb"),
    "logger=mlflow": ("mlflow", "mlflow"),
    "logger=comet": ("comet", "comet_ml"),
    "heic": ("heic", "pillow_heif"),
    "nst serve": ("web", "starlette"),
    "hydra/launcher=ray": ("ray", "hydra_plugins.hydra_ray_launcher"),
}
"""A choice or a format that needs more than this package: the extra to install, and the module that it brings."""


def require(choice: str) -> None:
    """Raise a ValueError if a choice needs an extra that is not installed."""
    if choice in EXTRAS and find_spec(EXTRAS[choice][1]) is None:
        raise ValueError(missing_extra(choice))


def missing_extra(choice: str) -> str:
    """Say what to install for a choice."""
    return f"{choice} needs an extra: pip install 'nst[{EXTRAS[choice][0]}]'"
