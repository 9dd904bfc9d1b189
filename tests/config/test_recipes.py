"""Every recipe beside every option: each composes and passes the program's checks, or one line says why not."""

import functools
import importlib
import inspect
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT
from hydra import compose, initialize_config_dir
from hydra.core.hydra_config import HydraConfig
from omegaconf import OmegaConf, open_dict

from nst.config import instantiate, recipes, validate
from nst.config.compose import plain
from nst.config.invocation import Invocation
from nst.utils.extras import EXTRAS

CONF = ROOT / "conf"


def options(group: str) -> list[str]:
    return sorted(path.stem for path in (CONF / group).glob("*.yaml"))


RECIPES = options("experiment")


@pytest.fixture(scope="module", autouse=True)
def hydra() -> Iterator[None]:
    before = HydraConfig.instance().cfg
    with initialize_config_dir(str(CONF), version_base="1.3"):
        yield
    HydraConfig.instance().cfg = before
    composed.cache_clear()


@functools.cache
def composed(*words: str) -> Any:
    return compose("train", list(words), return_hydra_config=True)


def settled(*words: str) -> recipes.Settled:
    """The configuration of a command, as the program takes it."""
    config = composed(*words)
    HydraConfig.instance().set_config(config)
    choices = {str(group): option for group, option in config.hydra.runtime.choices.items()}
    config = config.copy()
    with open_dict(config):
        del config["hydra"]
    return recipes.without_unused(config, choices=choices, typed=words, compose=lambda more: composed(*more))


def strange(node: Any, name: str = "") -> Iterator[str]:
    """Keys that the class or function they are for does not take."""
    if not isinstance(node, dict):
        return
    if "_target_" in node:
        module, _, leaf = node["_target_"].rpartition(".")
        takes = inspect.signature(getattr(importlib.import_module(module), leaf)).parameters
        if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in takes.values()):
            yield from (f"{name}.{key}" for key in node if key not in takes and not key.startswith("_"))
    for key, value in node.items():
        yield from strange(value, f"{name}.{key}" if name else key)


def check(*words: str) -> recipes.Settled:
    """Compose a command and check it as the program does, and its keys against what is built from them."""
    found = settled(*words)
    config = instantiate.settled(plain(found.config))
    validate.check(config, Invocation(Path("run"), list(words), found.choices))
    assert list(strange({key: value for key, value in config.items() if key != "judge"})) == []
    for group in ("callbacks", "loss"):
        assert all("_target_" in node for node in config[group].values() if node), f"half a node in {group}"
    return found


def rows(recipe: str) -> list[list[str]]:
    """Two commands for a recipe that choose other options; over all recipes nearly every option is there."""
    n = RECIPES.index(recipe)

    def word(group: str, turn: int = 0) -> str:
        names = options(group)
        return f"{group}={names[(n + turn) % len(names)]}"

    many = [word(group) for group in ("init", "optimizer", "scheduler", "pyramid", "callbacks", "trainer")]
    many = [w for w in many if w != "init=file"]
    other = [word("layers"), word("method"), word("trainer", 3)] if n % 2 else [word("backbone"), word("loss", 5)]
    return [[*many, word("loss")], other]


@pytest.mark.parametrize(
    "recipe", [pytest.param(name, marks=() if n % 4 == 0 else pytest.mark.slow) for n, name in enumerate(RECIPES)]
)
def test_a_recipe_goes_with_other_words(recipe):
    for words in rows(recipe):
        check(f"experiment={recipe}", *words)


@pytest.mark.slow
@pytest.mark.parametrize("group", [path.name for path in sorted(CONF.iterdir()) if path.is_dir()])
@pytest.mark.parametrize("recipe", RECIPES)
def test_a_recipe_goes_with_every_option(recipe, group):
    more = {"init=file": ["init.path=a.png"], "data=folder": ["data.path=photos"]}
    for option in options(group) if group not in ("experiment", "search", "hydra") else ():
        word = f"input@backbone.input={option}" if group == "input" else f"{group}={option}"
        if word in EXTRAS and find_spec(EXTRAS[word][1]) is None:  # refused: it is not installed
            continue
        check(f"experiment={recipe}", word, *more.get(word, []))


@pytest.mark.parametrize("method", ["feedforward", "multistyle", "adain", "any_style"])
def test_a_method_goes_with_other_words(method):
    check(f"method={method}", "optimizer=sgd", "scheduler=step", "callbacks=default", "trainer=cpu", "backbone=vgg16")


def test_values_of_an_option_that_is_not_chosen_are_left_out_and_named():
    found = settled("experiment=neural_style", "init=content")
    assert found.config.init == {"_target_": "nst.methods.initial_image.content"}
    assert found.notes == ["experiment=neural_style sets init for init=noise: not used with init=content"]
    assert found.config.optimizer.history_size == 100  # the rest of the recipe stays


def test_without_another_option_a_recipe_is_as_it_was_composed():
    found = settled("experiment=neural_style", "init=noise", "init.mean=0.1", "optimizer.lr=2")
    assert found.notes == []
    assert (found.config.init.mean, found.config.init.spread, found.config.optimizer.lr) == (0.1, 1e-3, 2)


def test_what_is_typed_for_the_chosen_option_stays():
    found = settled("experiment=gatys2016", "optimizer=adam", "optimizer.lr=0.5", "loss=strotss", "weights.palette=3")
    assert (found.config.optimizer.lr, found.config.optimizer.betas) == (0.5, [0.75, 0.85])
    assert (found.config.weights.palette, found.config.weights.style) == (3, 1.0)


def test_a_key_that_the_chosen_option_lacks_is_refused():
    with pytest.raises(Exception, match=r"Could not override 'init\.mean'"):
        settled("experiment=neural_style", "init=content", "init.mean=0.1")


def test_another_backbone_brings_its_layers_and_its_input():
    found = settled("experiment=neural_style", "backbone=wavelet")
    alone = composed("backbone=wavelet")
    assert (found.config.layers, found.config.backbone) == (alone.layers, alone.backbone)
    assert found.choices["layers"] == "wavelet"
    typed = settled("experiment=neural_style", "backbone=vgg16", "layers=vgg16_coarse")
    assert list(typed.config.layers.style) == ["relu3_1", "relu4_1", "relu5_1"]


def test_another_loss_brings_its_weights_and_keeps_no_terms_of_the_recipe():
    found = settled("experiment=strotss", "loss=gram")
    assert found.config.weights == {"content": 0.3, "style": 1.0, "tv": 0.0}
    assert found.config.method.coarser == {"content": 1.0}


def test_a_recipe_keeps_its_precision_on_another_device_unless_that_is_the_choice():
    assert settled("experiment=gatys2016", "trainer=cpu").config.trainer.precision == "32-true"
    assert settled("experiment=gatys2016", "trainer=bf16").config.trainer.precision == "bf16-mixed"
    network = settled("method=adain", "trainer=bf16", "trainer.precision=64-true", "trainer.gradient_clip_val=2")
    assert OmegaConf.to_container(network.config.trainer).items() >= {
        "precision": "64-true", "gradient_clip_val": 2, "log_every_n_steps": 10
    }.items()  # fmt: skip


def test_the_program_itself_settles_a_recipe(train, tmp_path):
    done = train(
        "experiment=neural_style", "init=content", "pyramid=explicit", "pyramid.sizes=[48]", "steps=1", "logger=none",
        "judge=none", "timelapse=none", "backbone.checkpoint=random", "trainer.accelerator=cpu", "hydra.run.dir=run",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "not used with init=content" in done.stdout
    assert OmegaConf.load(tmp_path / "run/config.yaml").init == {"_target_": "nst.methods.initial_image.content"}


@pytest.mark.slow
def test_a_sweep_settles_a_recipe_for_each_job(train, tmp_path):
    done = train(
        "-m", "experiment=neural_style", "init=content,noise", "size=48", "steps=1", "logger=none", "judge=none",
        "timelapse=none", "backbone.checkpoint=random", "trainer.accelerator=cpu", "hydra.sweep.dir=sweep",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    inits = [OmegaConf.load(tmp_path / f"sweep/{n}/config.yaml").init._target_.split(".")[-1] for n in (0, 1)]
    assert inits == ["content", "noise"]


def test_layers_of_a_term_that_another_loss_lacks_are_left_out_unless_typed():
    assert "meanstd" in settled("experiment=spst").config.layers
    found = settled("experiment=spst", "loss=gram")
    assert list(found.config.layers) == ["content", "style", "tv"]
    assert "meanstd" in settled("experiment=spst", "loss=gram", "layers.meanstd={relu1_1:1}").config.layers


PINNED = ("method", "backbone", "optimizer", "pyramid", "scheduler", "init", "weights")
FREE = {"checkpoint", "model", "seed", "download", "input", "scale_pictures", "fused", "style_scale", "coarser"} | {
    *("_target_", "size", "steps", "tv"),
    *("band_lr", "finer_band_lr"),  # of method.space=laplacian, which no recipe has
}


@pytest.mark.parametrize("recipe", [name for name in RECIPES if name != "sohini_readme"])
def test_a_recipe_sets_everything_that_a_default_could_change(recipe):
    """Every key of the chosen options is in the recipe's own file, so that no other default moves its picture."""
    own = OmegaConf.to_container(OmegaConf.load(CONF / f"experiment/{recipe}.yaml"), resolve=False)
    config = settled(f"experiment={recipe}").config
    nodes = {group: (config[group], own.get(group, {})) for group in PINNED}
    nodes |= {
        f"loss.{name}": (node, own.get("loss", {}).get(name, {}))
        for name, node in config.loss.items()
        if config.weights[name]
    }
    lacking = {f"{group}.{key}" for group, (node, given) in nodes.items() for key in node if key not in given}
    assert {key for key in lacking if key.split(".")[-1] not in FREE} == set()
    assert config.method.get("space") != "laplacian"
