"""The facts of crowsonkb's algorithm, pinned where the recipe composes them."""

import copy

import pytest
import torch
import torch.nn.functional as F
from conftest import ROOT
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from lightning.pytorch import Callback, Trainer
from omegaconf import DictConfig

from nst.callbacks import Average, Clamp
from nst.data.image_io import DecodedImage
from nst.data.inputs import Inputs, StylePicture
from nst.losses import Content, TotalVariation, Wasserstein
from nst.methods import ImageMethod, initial_image
from nst.methods.pyramid import Level
from nst.objective import Objective
from nst.optim import lr_schedulers

pytestmark = pytest.mark.filterwarnings(
    "ignore:.*LeafSpec.*:FutureWarning",
    "ignore:.*eval mode.*",
    "ignore:.*logging interval.*",
    "ignore:.*lr_scheduler.step.*",
    "ignore:.*srun.*",
)


@pytest.fixture(scope="module")
def recipe() -> DictConfig:
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        return compose("train", ["experiment=crowsonkb"])


@pytest.mark.parametrize(
    ("size", "scales"),
    [
        (512, [128, 181, 256, 362, 512]),
        (300, [150, 212, 300]),
        (1000, [177, 250, 354, 500, 707, 1000]),
        (128, [128]),
        (100, [100]),
    ],
)
def test_scales_fall_by_the_root_of_two_down_to_128(recipe: DictConfig, size: int, scales: list[int]) -> None:
    """Theirs has no scale at all for 100; ours is the size itself."""
    levels = instantiate({**recipe.pyramid, "size": size, "steps": 500})
    assert [level.edge for level in levels] == scales
    assert [level.steps for level in levels] == [1000] + [500] * (len(scales) - 1)


def test_layers_weights_and_terms(recipe: DictConfig) -> None:
    expected = {f"relu{i}_1": 4 ** (5 - i) / 341 for i in range(1, 6)}
    assert dict(recipe.layers.style) == pytest.approx(expected, rel=1e-8)
    assert sum(recipe.layers.style.values()) == pytest.approx(1, rel=1e-8)
    assert dict(recipe.layers.content) == {"relu4_2": 1.0}
    assert dict(recipe.weights) == {"content": 0.015, "style": 1.0, "tv": 2.0}
    assert (recipe.loss.content.reduction, recipe.loss.style.reduction) == ("mean", "mean")
    assert recipe.loss.style._target_ == "nst.losses.Wasserstein"
    assert recipe.loss.style.ridge == 1e-4
    assert recipe.loss.tv.form == "squared_mean_9"
    assert (recipe.backbone.model, recipe.backbone.padding, recipe.backbone.pooling) == ("vgg19", "replicate", "max")


def test_optimiser_clamp_and_average(recipe: DictConfig) -> None:
    adam = recipe.optimizer
    assert (adam._target_, adam.lr, list(adam.betas)) == ("torch.optim.Adam", 0.02, [0.9, 0.99])
    assert recipe.scheduler._target_ == "nst.optim.lr_schedulers.constant"
    clamp, average = recipe.callbacks.clamp, recipe.callbacks.average
    assert list(recipe.callbacks)[:2] == ["clamp", "average"]  # an iterate is clamped before it is averaged
    assert (clamp.low, clamp.high, clamp.until) == (0.0, 1.0, None)
    assert (average.decay, average.first) == (0.99, "start")
    assert (recipe.method.moments, recipe.method.space) == ("resized", "image")
    assert recipe.init._target_ == "nst.methods.initial_image.content"


def test_two_scales_equal_a_loop_written_as_theirs(wavelet, noise) -> None:
    """Adam with moments resized between the scales, clamp, and an average that begins with the start image."""
    objective = Objective(
        backbone=wavelet,
        terms={
            "content": Content(layers={"s1": 1.0}, weight=0.015, reduction="mean", layer_reduction="sum"),
            "style": Wasserstein(
                layers={"s0": 0.8, "s1": 0.2}, weight=1.0, reduction="mean", layer_reduction="sum", ridge=1e-4
            ),
            "tv": TotalVariation(layers={"image": 1.0}, weight=2.0, form="squared_mean_9"),
        },
    )

    def adam(parameters: object) -> torch.optim.Adam:
        return torch.optim.Adam(parameters, lr=0.02, betas=(0.9, 0.99))

    method = ImageMethod(
        objective=objective,
        levels=[Level(23, 4), Level(32, 3)],
        optimizer=adam,
        scheduler=lr_schedulers.constant,
        init=initial_image.content,
        fit="longest",
        style_fit="longest",
        style_size=None,
        style_scale=1.0,
        space="image",
        moments="resized",
        coarser={},
        seed=0,
    )
    content, style = noise(), noise(40, 30, seed=1)
    state, results, starts, references = None, [], [], []
    for stage in method.stages(Inputs(DecodedImage(content), content, [StylePicture("a", style)])):
        starts.append(stage.module.pixels.detach().clone())
        callbacks: list[Callback] = [Clamp(low=0.0, high=1.0, until=None), Average(decay=0.99, first="start")]
        Trainer(
            max_steps=stage.steps,
            max_epochs=-1,
            accelerator="cpu",
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            callbacks=callbacks,
        ).fit(stage.module, stage.data)
        results.append(stage.module.pixels.detach().clone())
        references.append(stage.module.references)

    for start, steps, reference, result in zip(starts, (4, 3), references, results, strict=True):
        x = start.clone().requires_grad_()
        optimizer = adam([x])
        if state is not None:
            for group in state["state"].values():
                group["exp_avg"] = F.interpolate(group["exp_avg"], x.shape[-2:], mode="bicubic")
                group["exp_avg_sq"] = F.interpolate(group["exp_avg_sq"], x.shape[-2:], mode="bilinear").relu()
            optimizer.load_state_dict(state)
        value, accumulated = 0.01 * x.detach(), 0.99  # the start image is the first that is averaged
        for _ in range(steps):
            optimizer.zero_grad()
            objective.total(objective(x, reference)).backward()
            optimizer.step()
            x.data.clamp_(0, 1)
            value, accumulated = 0.99 * value + 0.01 * x.detach(), 0.99 * accumulated
        state = copy.deepcopy(optimizer.state_dict())
        torch.testing.assert_close(result, value / (1 - accumulated), atol=1e-5, rtol=0)  # lerp against the sum
    assert next(iter(state["state"].values()))["step"].item() == 7  # the counter went on
