"""What the files in conf/ promise: every option whole, every recipe documented, every search round the defaults."""

import pytest
from conftest import ROOT
from hydra import compose, initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, IntervalSweep
from omegaconf import DictConfig, OmegaConf

CONF = ROOT / "conf"


def options(group: str) -> list[str]:
    return sorted(path.stem for path in (CONF / group).glob("*.yaml"))


def composed(*words: str) -> DictConfig:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return compose("train", list(words))


def test_every_backbone_has_layers_of_its_name():
    assert set(options("backbone")) <= set(options("layers"))


@pytest.mark.parametrize("loss", options("loss"))
def test_every_term_of_a_loss_has_its_weight_and_its_layers(loss):
    cfg = composed(f"loss={loss}")
    assert cfg.weights.keys() == cfg.loss.keys()
    assert cfg.loss.keys() <= cfg.layers.keys()


def test_help_lists_no_file_as_an_option_that_is_none():
    """A file in a group's folder is shown as an option, so what options share lies beside train.yaml."""
    groups = {path.parent for path in CONF.rglob("*.yaml")} - {CONF}
    for path in (path for group in groups for path in group.glob("*.yaml")):
        assert "???" not in path.read_text() or path.stem in ("file", "folder"), f"{path} is no whole option"


@pytest.mark.parametrize("path", sorted((CONF / "experiment").glob("*.yaml")), ids=lambda path: path.stem)
def test_a_recipe_says_source_command_time_and_result(path):
    head = "\n".join(line for line in path.read_text().splitlines() if line.startswith("#"))
    for word in (f"experiment={path.stem}", "Time: ", "Result: "):
        assert word in head, f"{path.name} has no {word!r} at its top"


def holds(space: object, value: float) -> bool:
    """Whether a search space holds a value; an interval holds it well inside, at least twice from either end."""
    if isinstance(space, ChoiceSweep):
        return value in space.list
    assert isinstance(space, IntervalSweep)
    return 2 * space.start <= value <= space.end / 2  # type: ignore[operator]


@pytest.mark.parametrize("search", options("search"))
def test_a_search_holds_the_default_of_every_key_that_it_varies(search):
    default, parser = composed(), OverridesParser.create()
    spaces = OmegaConf.load(CONF / "search" / f"{search}.yaml").hydra.sweeper.params
    assert spaces
    for key, space in spaces.items():
        value = OmegaConf.select(default, key)
        assert value is not None, f"{key} is no option"
        assert holds(parser.parse_override(f"{key}={space}").value(), value), f"{key}: {value} is not in {space}"
