"""A recipe beside other words: what it sets for an option that is not the chosen one is left out.

A recipe (`experiment=`) chooses options of groups and sets keys of these options, and so does a method that trains a
network. Hydra merges the keys into whichever option is chosen in the end: with `experiment=neural_style init=content`
the keys of `init=noise` would become arguments of `init=content`.
"""

import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from hydra import compose
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf, open_dict

from nst.config.invocation import Invocation

log = logging.getLogger("nst")
Compose = Callable[[list[str]], DictConfig]
"""Words of the command line -> the configuration that Hydra composes from them, with its `hydra` node."""
PRESETS = {"method": "method=image", "experiment": "~experiment"}
"""Groups whose options choose options of other groups and set keys there -> the word for an option that does not."""
NODES = {"loss": ("loss", "weights", "method.coarser")}
"""Group -> the nodes that are made for its option, if they are not the one of its name."""
VARIANTS = ("trainer",)
"""Groups whose options have the same keys: a recipe's values stay, except where the chosen option has its own."""


@dataclass(frozen=True)
class Settled:
    """A configuration without what a recipe or a method sets for options that were not chosen.

    Attributes:
        config: The configuration.
        choices: Group -> the chosen option.
        notes: A line for each node in which values were left out.
    """

    config: DictConfig
    choices: dict[str, str | None]
    notes: list[str]


def settle(config: DictConfig, invocation: Invocation) -> tuple[DictConfig, Invocation]:
    """Return a job as composed, without what its recipe sets for options that were not chosen; log what that is.

    Raises:
        HydraException: A key was typed that the chosen option does not have.
    """
    settled = without_unused(config, choices=invocation.choices, typed=invocation.overrides, compose=_compose_as_before)
    for note in settled.notes:
        log.info(note)
    return settled.config, invocation.with_choices(settled.choices)


def without_unused(
    config: DictConfig, *, choices: Mapping[str, str | None], typed: Sequence[str], compose: Compose
) -> Settled:
    """Return a configuration without what a recipe or a method sets for options that were not chosen.

    Each node of such an option is composed again without the recipe, from the same words.

    Args:
        config: As Hydra composed it.
        choices: Group -> the option chosen in the end.
        typed: The words of the command line.
        compose: Composes from other words.

    Raises:
        HydraException: A key was typed that the chosen option does not have.
    """
    presets = {name: str(choices[name]) for name in PRESETS if choices.get(name) not in (None, "image")}
    keys = {word: _key(word) for word in typed}
    groups = {key for key in keys.values() if key in choices and key not in presets}
    if not presets or (len(presets) == 1 and not groups):
        return Settled(config, dict(choices), [])
    own = {name: compose([f"{name}={option}"]).hydra.runtime.choices for name, option in presets.items()}
    chosen = {**choices, **({} if "layers" in groups else _layers(choices, own))}
    options = {group: option for group, option in chosen.items() if option is not None and _at_the_top(group)}
    out, notes = config.copy(), []
    for strangers, members in _by_strangers(options, own).items():
        kept = {group: option for group, option in options.items() if group not in strangers}
        without = [PRESETS[name] for name in strangers]
        nodes = {group: NODES.get(group, (group,)) for group in members}
        again = [node for group in members if group not in VARIANTS for node in nodes[group]]
        inside = [word for word, key in keys.items() if key not in groups and _is_in(key, again)]
        nested = [word for word, key in keys.items() if key in groups and not _at_the_top(key)]
        alone = compose([*without, *_assigned(kept), *nested, *inside])
        for group in members:
            theirs, changed = own[strangers[-1]][group], []
            if group in VARIANTS:
                alone[group] = _varied(
                    config[group],
                    alone[group],
                    compose([*without, *_assigned(kept | {group: theirs})])[group],
                    keys.values(),
                )
            for node in nodes[group]:
                new = OmegaConf.select(alone, node)
                if OmegaConf.select(out, node) is not None and new != OmegaConf.select(config, node):
                    OmegaConf.update(out, node, new, merge=False)
                    changed.append(node)
            if changed:
                notes.append(
                    f"{strangers[-1]}={presets[strangers[-1]]} sets {', '.join(changed)} for {group}={theirs}: "
                    f"not used with {group}={chosen[group]}"
                )
        if "loss" in members:
            _drop_layers(out, keys.values())
    return Settled(out, chosen, notes)


def _drop_layers(config: DictConfig, typed: Collection[str]) -> None:
    """Take away the layers that a recipe sets for terms that another loss does not have."""
    strange = [str(name) for name in config.layers if name not in config.loss and not _is_in(f"layers.{name}", typed)]
    with open_dict(config.layers):
        for name in strange:
            del config.layers[name]


def _by_strangers(options: Mapping[str, str], own: Mapping[str, Mapping[str, str]]) -> dict[tuple[str, ...], list[str]]:
    """Return, for the presets that by themselves would choose another option of a group, all such groups."""
    out: dict[tuple[str, ...], list[str]] = {}
    for group, option in options.items():
        strangers = tuple(name for name in own if name != group and own[name].get(group) != option)
        if strangers and group not in ("experiment", "search"):
            out.setdefault(strangers, []).append(group)
    return out


def _layers(choices: Mapping[str, str | None], own: Mapping[str, Mapping[str, str]]) -> dict[str, str | None]:
    """Return the chosen backbone's layers, if the chosen ones are a recipe's for its own backbone."""
    foreign = any(one["layers"] == choices["layers"] and one["backbone"] != choices["backbone"] for one in own.values())
    return {"layers": choices["backbone"]} if foreign else {}


def _varied(mixed: DictConfig, chosen: DictConfig, theirs: DictConfig, typed: Collection[str]) -> DictConfig:
    """Return an option with a recipe's values, except where the chosen option differs from the recipe's own."""
    typed_here = {key.split(".")[1] for key in typed if "." in key}
    differing = [str(key) for key in chosen if chosen[key] != theirs.get(key) and key not in typed_here]
    merged = OmegaConf.merge(mixed, OmegaConf.masked_copy(chosen, differing))
    assert isinstance(merged, DictConfig)
    return merged


def _is_in(key: str, nodes: Iterable[str]) -> bool:
    return any(f"{key}.".startswith(f"{node}.") for node in nodes)


def _at_the_top(group: str) -> bool:
    return not {"/", "@"} & set(group)


def _assigned(options: Mapping[str, str]) -> list[str]:
    return [f"{group}={option}" for group, option in options.items() if group != "search"]


def _key(word: str) -> str:
    return OverridesParser.create().parse_override(word).get_key_element().lstrip("+~")


def _compose_as_before(words: list[str]) -> DictConfig:
    """Compose from the files of this job, with the Hydra that runs it."""
    return compose(HydraConfig.get().job.config_name, words, return_hydra_config=True)
