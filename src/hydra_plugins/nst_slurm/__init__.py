"""Hydra's launcher for SLURM with nst's executor: see `nst.sweeps.slurm`. Hydra takes launchers from here alone."""

from contextlib import suppress

with suppress(ImportError):  # the extra `slurm` is not installed
    from hydra_plugins.hydra_submitit_launcher import submitit_launcher

    class SlurmLauncher(submitit_launcher.SlurmLauncher):  # type: ignore[misc]  # has no types
        """The launcher of hydra-submitit-launcher, on the executor that pyproject.toml registers with submitit."""

        _EXECUTOR = "nstslurm"
