"""`recipe=final.png`: put the recorded choices in the place of the composed ones."""

from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf, open_dict, read_write

from nst.experiment.provenance import LOCAL, Recipe, read
from nst.sweep.worker import overrides

ALSO = (*LOCAL, "threads", "trainer", "tiles", "timelapse")
"""What may be typed beside `recipe=`; the last four are the recipe's unless typed."""


def remake(cfg: DictConfig) -> tuple[DictConfig, Recipe | None]:
    """Return the configuration to run, and the recipe that it comes from where there is one.

    Raises:
        ValueError: Something was typed beside `recipe=` that would make another picture, or the recipe is refused.
    """
    if cfg.recipe is None:
        return cfg, None
    recipe = read(Path(cfg.recipe).expanduser())
    typed = {group(word) for word in overrides()}
    other = sorted(typed - set(ALSO))
    if other:
        raise ValueError(
            f"recipe= makes that picture again and takes no {other[0]}=; for another picture change its command: "
            f"{recipe.command}"
        )
    local = [key for key in ALSO if key in LOCAL or key in typed]
    younger: dict[Any, Any] = {
        key: cfg[key] for key in cfg if key not in recipe.config
    }  # groups that the recipe did not know
    config = OmegaConf.create({**younger, **recipe.config, "threads": recipe.threads})
    for key in local:
        config[key] = OmegaConf.create(OmegaConf.to_container(cfg[key], resolve=True)) if _node(cfg, key) else cfg[key]
    config.recipe = None
    choices = HydraConfig.instance().cfg.hydra.runtime.choices  # type: ignore[union-attr]
    with read_write(choices), open_dict(choices):
        choices.update({str(group): str(word) for group, word in recipe.choices.items()})
    return config, recipe


def group(word: str) -> str:
    """Give the word at the top level that an override is about."""
    (override,) = OverridesParser.create().parse_overrides([word])
    return override.key_or_group.split(".")[0].split("@")[-1]


def _node(cfg: DictConfig, key: str) -> bool:
    return OmegaConf.is_config(cfg[key])
