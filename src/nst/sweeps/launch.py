"""The start and the end of a sweep: record what was asked for and what became of it, make its gallery. No torch."""

import sys
import time
from collections import Counter
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf

from nst.config import legacy
from nst.experiment import status
from nst.sweeps import manifest
from nst.utils.extras import EXTRAS, missing_extra

started: list[Path] = []
"""The folder of the sweep that this process launched."""
collisions: list[str] = []
"""Jobs that this process did not run, because their folder was another job's."""


class Announce(Callback):
    """Hydra's callback: write `sweep.json` before the first job."""

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Check that the launcher is installed and that the folder holds no other sweep, and write the file."""
        for group in ("launcher", "sweeper"):
            choice = f"hydra/{group}={config.hydra.runtime.choices[f'hydra/{group}']}"
            if choice in EXTRAS and not _importable(EXTRAS[choice][1]):
                _refuse(missing_extra(choice))
        folder = Path(config.hydra.sweep.dir)
        subdir = str(OmegaConf.to_container(config.hydra.sweep)["subdir"])  # type: ignore[index,call-overload]
        if "${" not in subdir:
            _refuse(
                f"hydra.sweep.subdir={subdir} is one folder for all jobs; give one that differs: '${{hydra.job.num}}'"
            )
        if line := _not_measured(config):
            _refuse(line)
        typed = OmegaConf.to_container(config.hydra.overrides.task)  # unresolved: `${...}` stays as typed
        assert isinstance(typed, list)
        words = [str(word) for word in typed]
        before = manifest.read(folder)
        theirs = before.get("overrides")
        if before and not (isinstance(theirs, list) and legacy.words([str(word) for word in theirs]) == words):
            _refuse(f"{folder} holds another sweep; to continue it, type its own choices: {theirs}")
        if not before and (foreign := status.foreign(folder)):
            _refuse(f"{folder} holds {foreign}, which a sweep would replace; give another hydra.sweep.dir=")
        folder.mkdir(parents=True, exist_ok=True)
        fields = {
            "overrides": words,
            "swept": swept(words) or list(OmegaConf.select(config, "hydra.sweeper.params") or {}),
            "first": first(words),
            "objective": config.minimize if isinstance(config.minimize, str) else list(config.minimize),
            "began": before.get("began") or status.utc(time.time()),
        }
        manifest.write(folder, fields)
        started[:] = [folder]


def _not_measured(config: DictConfig) -> str | None:
    """Return why a figure that the sweep minimises can't be had, or None."""
    names = [config.minimize] if isinstance(config.minimize, str) else [str(name) for name in config.minimize]
    judged = [name for name in names if name not in ("loss", "seconds")]
    judge = config.get("judge")
    if judged and not judge:
        return f"minimize={judged[0]} is a figure of the judge, which judge=none takes out; choose a judge"
    if "lpips" in names:
        from nst.metrics.judge import lpips_missing  # imports torch

        return lpips_missing(judge.get("lpips"))
    return None


def _refuse(line: str) -> None:
    print(f"error: {line}", file=sys.stderr)
    raise SystemExit(1)


def _importable(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # not even hydra_plugins
        return False


def swept(words: list[str]) -> list[str]:
    """Return the keys that a sweep's command line gives several values."""
    return [str(o.key_or_group) for o in OverridesParser.create().parse_overrides(words) if o.is_sweep_override()]


def first(words: list[str]) -> dict[str, str]:
    """Return the first value of every key that a sweep's command line gives several values."""
    parsed = OverridesParser.create().parse_overrides(words)
    return {str(o.key_or_group): str(next(iter(o.sweep_string_iterator()))) for o in parsed if o.is_sweep_override()}


def end(*, returned: bool) -> int:
    """End the sweep that this process started: name the jobs that did not finish, make its gallery.

    Args:
        returned: Whether its launcher has waited for every job, so that none can still run, on any machine.

    Returns:
        The exit code: 0 where every job finished, or where there was no sweep.
    """
    if not started:
        return 0
    folder = started.pop()
    states = {job: status.read(job) for job in manifest.jobs(folder)}
    for job, fields in states.items():
        if returned and fields.get("state") == "running":
            fields |= {"state": "killed", "reason": "the job ended and left no word: cancelled, or its machine is lost"}
        if fields.get("state") == "killed":  # written down: its process number may come back as another's
            status.write(job, **{k: v for k, v in fields.items() if k not in ("now", "pid", "host")})
    counts = Counter(fields.get("state", "not started") for fields in states.values())
    print(f"sweep: {', '.join(f'{count} {state}' for state, count in counts.items()) or 'no job started'}")
    for job, fields in states.items():
        if fields.get("state") != "finished":
            name, state = job.relative_to(folder), fields.get("state", "not started")
            print(f"  job {name} {state}: {fields.get('reason') or 'no word'}")
    if states:
        _gallery(folder)
    bad = sum(count for state, count in counts.items() if state != "finished") + len(collisions)
    for line in collisions:
        print(f"  {line}")
    collisions.clear()
    if bad:
        print(f"to run only what is missing: the same command with resume={folder}")
    return 1 if bad or not states else 0


def _gallery(folder: Path) -> None:
    from nst.sweeps.gallery import make

    try:
        page = make(folder)
    except Exception as error:  # the pictures are there: a page that fails must not hide them
        print(f"warning: no gallery: {' '.join(str(error).split())}", file=sys.stderr)
    else:
        print(f"gallery: {page}")
