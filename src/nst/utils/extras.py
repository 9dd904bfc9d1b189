"""Options that need more than this package installs by itself. Imports nothing heavy."""

EXTRAS = {
    "hydra/sweeper=optuna": ("optuna", "hydra_plugins.hydra_optuna_sweeper"),
    "hydra/launcher=joblib": ("joblib", "hydra_plugins.hydra_joblib_launcher"),
    "hydra/launcher=submitit_local": ("slurm", "hydra_plugins.hydra_submitit_launcher"),
    "hydra/launcher=submitit_slurm": ("slurm", "hydra_plugins.hydra_submitit_launcher"),
    "heic": ("heic", "pillow_heif"),
    "hydra/launcher=ray": ("ray", "hydra_plugins.hydra_ray_launcher"),
}
"""A choice or a format that needs more than this package: the extra to install, and the module that it brings."""


def missing_extra(choice: str) -> str:
    """Say what to install for a choice."""
    return f"{choice} needs an extra: pip install 'nst[{EXTRAS[choice][0]}]'"
