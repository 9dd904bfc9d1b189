"""The errors of a loss name its options as they are typed, whatever the loss is called."""

from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT
from omegaconf import DictConfig, OmegaConf

from nst.config import instantiate

FILES = sorted([*(ROOT / "conf/loss").glob("*.yaml"), *(ROOT / "conf").glob("*_term.yaml")])


def nodes(path: Path) -> dict[str, DictConfig]:
    """The losses in a file of `conf/`, by name."""
    config = OmegaConf.load(path)
    assert isinstance(config, DictConfig)
    if "_target_" in config:
        return {path.stem.removesuffix("_term"): config}
    return {str(name): node for name, node in config.loss.items() if "_target_" in node}


def error_of(name: str, node: Any, weight: float = 1.0, layers: Any = None) -> str:
    """The error of building a loss under a name."""
    config = {"loss": {name: node}, "weights": {name: weight}, "layers": {name: layers or {"image": 1.0}}}
    with pytest.raises(ValueError) as error:
        instantiate.objective(OmegaConf.create(config))
    return str(error.value)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_option_of_every_loss_is_named(path: Path) -> None:
    for name, node in nodes(path).items():
        for option, value in node.items():
            if option != "_target_":
                bad = {**node, option: "bad" if isinstance(value, str) else -1}
                assert error_of(name, bad).startswith(f"loss.{name}.{option} is ")


def test_the_lines() -> None:
    mover, ridge = (
        nodes(ROOT / "conf/loss/strotss.yaml")["palette"],
        nodes(ROOT / "conf/loss/wasserstein.yaml")["style"],
    )
    variation = {"_target_": "nst.losses.TotalVariation", "form": "squared_sum"}
    expected = "loss.palette.distance is 'max'; give one of cosine, euclidean"
    assert error_of("palette", {**mover, "distance": "max"}) == expected
    assert error_of("edges", {**mover, "positions": 0}) == "loss.edges.positions is 0; give 1 or more"
    assert error_of("style", {**ridge, "ridge": 0}) == "loss.style.ridge is 0; give a number over 0, such as 1e-4"
    assert error_of("palette", mover, weight=-2) == "weights.palette is -2; give 0 or more"
    assert error_of("palette", mover, layers={"s0": 1, "s1": -2}) == "layers.palette.s1 is -2; give 0 or more"
    expected = "layers.smooth names s0, but total variation is of the pixels; give image or input"
    assert error_of("smooth", variation, layers={"s0": 1}) == expected


def unlucky(**options: Any) -> None:
    """A loss of somebody else's, whose error does not start with an option."""
    raise ValueError("it does not work")


def test_an_error_that_names_no_option_names_the_loss() -> None:
    assert error_of("mine", {"_target_": f"{__name__}.unlucky"}) == "loss.mine: it does not work"
