"""What was typed and how this job was launched: read from Hydra once, an ordinary object afterwards."""

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.types import RunMode
from omegaconf import OmegaConf

from nst.utils.process import cores, threads_per_job

LONGEST = 120
"""Letters of a label at most: it is the name of a folder."""
Outcome = float | list[float]
"""What a sweeper minimises."""


@dataclass(frozen=True)
class Invocation:
    """One job as it was asked for.

    Attributes:
        folder: The run's own.
        overrides: What was typed for it.
        choices: Group -> the option chosen.
        launcher: Hydra's configuration of the launcher.
        number: Of the job in its sweep; None for a single run.
        sweep: The folder of its sweep, or None.
        swept: The keys that the sweep varies.
        first: Key -> the first of its values, where these are known beforehand.
        watchers: Callbacks of Lightning's trainer that a caller from Python adds.
        shows_progress: Whether a bar on the terminal is wanted.
    """

    folder: Path
    overrides: list[str]
    choices: dict[str, str | None]
    launcher: dict[str, Any] = field(default_factory=dict)
    number: int | None = None
    sweep: Path | None = None
    swept: list[str] = field(default_factory=list)
    first: Mapping[str, str] = field(default_factory=dict)
    watchers: Sequence[Any] = ()
    shows_progress: bool = True

    @classmethod
    def current(cls) -> "Invocation":
        """Read it from Hydra, inside `hydra.main`."""
        hydra = HydraConfig.get()
        return cls(
            folder=Path(hydra.runtime.output_dir),
            overrides=[word for word in _typed() if not word.startswith("search=")],
            choices={str(group): word for group, word in hydra.runtime.choices.items()},
            launcher=_plain(hydra.launcher),
            number=int(hydra.job.num) if hydra.mode == RunMode.MULTIRUN else None,
        )

    @property
    def in_sweep(self) -> bool:
        """Whether this is one job of a sweep."""
        return self.number is not None

    @property
    def has_terminal(self) -> bool:
        """Whether this job draws on the terminal: no other does at the same time."""
        return self.shows_progress and (not self.in_sweep or "basic_launcher" in self.launcher.get("_target_", ""))

    def threads(self) -> int:
        """Count the threads of this job: all cores for a single run, its launcher's share in a sweep."""
        return threads_per_job(self.launcher) if self.in_sweep else cores()

    def with_choices(self, choices: Mapping[str, str | None]) -> "Invocation":
        """Return it with the options that were chosen for an earlier run in the place of this command's."""
        return replace(self, choices={**self.choices, **choices})

    def in_sweep_of(self, folder: Path, swept: Sequence[str], first: Mapping[str, str]) -> "Invocation":
        """Return it with its sweep's folder, the keys that the sweep varies, and their first values."""
        return replace(self, sweep=folder, swept=list(swept), first=dict(first))

    @property
    def group(self) -> str:
        """The name of the sweep that this is a job of, or nothing."""
        return self.sweep.resolve().name if self.sweep else ""

    @property
    def label(self) -> str:
        """What the sweep varies, as it is in this job: `backbone=wavelet,weights.style=0.3`, fit for a file's name."""
        words = [f"{key}={_short(value)}" for key, value in self._values().items() if key in self.swept]
        return re.sub(r"[^\w.,=+@() \-\[\]{}]", "_", ",".join(words))[:LONGEST].strip(" .")

    def shows(self, source: str) -> bool:
        """Tell whether this job is the first of its sweep with its content, or its style.

        Args:
            source: `content` or `style`.
        """
        if not self.number:
            return True
        values, others = self._values(), [key for key in self.swept if key.split(".")[0].split("@")[-1] != source]
        return bool(self.first) and all(values.get(key) == self.first.get(key) for key in others)

    def _values(self) -> dict[str, str]:
        pairs = [word.lstrip("+~").partition("=") for word in self.overrides]
        return {key: value for key, _, value in pairs}

    def choice(self, group: str) -> str:
        """Return the option chosen for a group; for a list of options, joined by +."""
        chosen = self.choices.get(group)
        if chosen in (None, "None"):  # Hydra notes no choice for a list; a picture's record says "None"
            return "+".join(listed(self.overrides, group))
        return str(chosen)


def _short(value: str) -> str:
    """A value as a name has it: of a file its stem, of a long number four digits."""
    text = value.strip("'\"")
    if "/" in text or re.search(r"\.\w{3,4}$", text):
        return Path(text).stem
    try:
        return f"{float(text):.4g}" if len(text) > 8 else text
    except ValueError:
        return text


def command(overrides: Sequence[str]) -> str:
    """Return the line to type in a shell for a run with these overrides."""
    return shlex.join(["nst", *overrides])


def listed(overrides: list[str], group: str) -> list[str]:
    """Return the options of a group that were typed as a list.

    Raises:
        ValueError: One is there twice; Hydra itself would drop it without a word.
    """
    words: list[str] = []
    for override in OverridesParser.create().parse_overrides(overrides):
        if override.key_or_group == group and isinstance(value := override.value(), list):
            words = [str(word) for word in value]
    if twice := [word for word in words if words.count(word) > 1]:
        raise ValueError(f"{group}=[...] names {twice[0]} twice; name it once and set {group}.{twice[0]}.weight=2")
    return words


def top_level(override: str) -> str:
    """Return the top-level key that an override is about: `style` for `style.path=x` and `style@style=y`."""
    (parsed,) = OverridesParser.create().parse_overrides([override])
    return parsed.key_or_group.split(".")[0].split("@")[-1]


def _typed() -> list[str]:
    words = _plain(HydraConfig.get().overrides)["task"]
    return [re.sub(r"\$\\\{([^{}]*)\\\}", r"${\1}", str(word)) for word in words]  # Hydra's escapes of `${...}`


def _plain(node: Any) -> dict[str, Any]:
    plain = OmegaConf.to_container(OmegaConf.create(node))
    assert isinstance(plain, dict)
    return {str(key): value for key, value in plain.items()}
