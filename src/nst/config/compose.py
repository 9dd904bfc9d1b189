"""A composed configuration as plain values, and back as the nodes that Hydra builds from."""

import re
from collections.abc import Mapping
from typing import Any

from omegaconf import DictConfig, OmegaConf


def plain(config: DictConfig) -> dict[str, Any]:
    """Return a composed configuration with every interpolation resolved.

    Raises:
        OmegaConfBaseException: A value is missing, or an interpolation names nothing.
    """
    resolved: dict[str, Any] = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)  # type: ignore[assignment]
    return resolved


def node(config: Mapping[str, Any]) -> DictConfig:
    """Return a plain configuration as a node; a text such as `${x}.png` in it is a text, not an interpolation."""
    made: DictConfig = OmegaConf.create(_escaped(dict(config)))
    return made


def to_yaml(config: Mapping[str, Any]) -> str:
    """Return a plain configuration as YAML."""
    return OmegaConf.to_yaml(node(config), resolve=True)


def _escaped(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _escaped(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_escaped(item) for item in value]
    return re.sub(r"(\\*)\$\{", r"\1\1\\${", value) if isinstance(value, str) else value
