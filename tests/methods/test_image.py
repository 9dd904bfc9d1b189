from dataclasses import replace

import pytest
import torch
from lightning.pytorch import Trainer

from nst.callbacks import Average, Clamp, Restart
from nst.data.image_io import DecodedImage
from nst.data.inputs import Inputs, StylePicture
from nst.methods import DivergedError, ImageMethod, initial_image
from nst.methods.pyramid import Level
from nst.networks import io
from nst.objective import Target
from nst.optim import lr_schedulers


def adam(parameters, lr=0.03):
    return torch.optim.Adam(parameters, lr=lr)


def method(objective, **options) -> ImageMethod:
    defaults = {
        "levels": [Level(16, 2), Level(32, 3)],
        "optimizer": adam,
        "scheduler": lr_schedulers.constant,
        "init": initial_image.content,
        "fit": "longest",
        "style_fit": "longest",
        "style_size": None,
        "space": "image",
        "style_scale": 1.0,
        "moments": "fresh",
        "coarser": {},
        "seed": 0,
    }
    return ImageMethod(objective=objective, **{**defaults, **options})


def trainer(steps: int, *callbacks, **options) -> Trainer:
    return Trainer(
        max_steps=steps,
        max_epochs=-1,
        accelerator="cpu",
        logger=options.pop("logger", False),
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=list(callbacks),
        **options,
    )


def paint(stages, *callbacks):
    for stage in stages:
        trainer(stage.steps, *callbacks).fit(stage.module, stage.data)
    return stage.module


def pictures(content, styles, keep=None):
    return Inputs(DecodedImage(content), content, styles, keep)


def styles(noise):
    return [StylePicture("a", noise(40, 50, seed=1))]


def test_the_picture_is_the_single_trainable_parameter(objective, noise):
    stage = next(method(objective).stages(pictures(noise(), styles(noise))))
    trained = [name for name, p in stage.module.named_parameters() if p.requires_grad]
    assert trained == ["pixels"]
    assert stage.module.pixels.shape == (1, 3, 12, 16)


def test_levels_follow_one_another(objective, noise):
    stages = method(objective).stages(pictures(noise(), styles(noise)))
    first = next(stages)
    assert torch.equal(first.module.image(), first.module.content)  # init=content
    trainer(first.steps).fit(first.module, first.data)
    second = next(stages)
    assert second.module.pixels.shape == (1, 3, 24, 32)
    assert second.module.first_step == 2
    from nst.data.image_io import resize

    assert torch.equal(second.module.pixels.data, resize(first.module.image().detach(), (24, 32)))


def test_the_rates_of_the_bands_are_those_of_the_level(objective, noise):
    made = method(objective, space="laplacian", band_lr=(1, 1, 0.5, 0.5), finer_band_lr=(1, 0.2, 0.2, 0.2))
    data = pictures(noise(), styles(noise))
    first, second = (stage.module.space.factors for stage in made.stages(data))
    resumed = next(made.stages(data, first=2)).module.space.factors
    assert second == resumed == [1, 0.2, 0.2, 0.2][: len(second)] != [1] * len(second)
    assert first == [1, 1, 0.5, 0.5][: len(first)]
    frame = made.continued(data, noise(24, 32), steps=1, first_step=0, earlier=(), pace=torch.ones(1, 1, 24, 32))
    assert frame.module.space.factors == [1, 1, 0.5, 0.5][: len(second)]


def test_lightning_takes_the_steps_of_a_bare_loop(objective, noise):
    module = paint(method(objective, levels=[Level(32, 4)]).stages(pictures(noise(), styles(noise))))
    x = noise().clone().requires_grad_()
    optimizer = adam([x])
    for _ in range(4):
        optimizer.zero_grad()
        objective.total(objective(x, module.references)).backward()
        optimizer.step()
    assert torch.equal(module.pixels.data, x.data)


def test_the_loss_falls_and_is_zero_at_itself(objective, noise):
    picture = noise()
    stage = next(
        method(objective, levels=[Level(32, 15)]).stages(pictures(picture, [StylePicture("a", noise(seed=1))]))
    )
    stage.module.take_references()
    before = objective.total(stage.module.evaluate(picture))
    trainer(15).fit(stage.module, stage.data)
    assert objective.total(stage.module.evaluate(stage.module.image())) < 0.7 * before
    same = next(method(objective, levels=[Level(32, 1)]).stages(pictures(picture, [StylePicture("a", picture)])))
    assert objective.total(same.module.evaluate(picture)).item() == 0


@pytest.mark.parametrize("line_search", [None, "strong_wolfe"])
def test_lbfgs(objective, noise, line_search):
    def lbfgs(parameters):
        return torch.optim.LBFGS(parameters, max_iter=1, history_size=10, line_search_fn=line_search)

    chosen = method(objective, levels=[Level(32, 8)], optimizer=lbfgs)
    stage = next(chosen.stages(pictures(noise(), styles(noise))))
    stage.module.take_references()
    before = objective.total(stage.module.evaluate(noise()))
    trainer(8).fit(stage.module, stage.data)
    assert objective.total(stage.module.evaluate(stage.module.image())) < before


def test_input_space_steps_in_the_backbone_s_units(objective, noise):
    chosen = method(objective, levels=[Level(32, 1)], space="input", optimizer=lambda p: adam(p, lr=0.5))
    module = paint(chosen.stages(pictures(noise(), styles(noise))))
    moved = (objective.backbone.input(module.image()) - objective.backbone.input(noise())).abs()
    assert moved.max().item() == pytest.approx(0.5, rel=1e-3)  # Adam's first step is the learning rate


def test_a_loss_that_is_not_finite_stops_at_the_last_good_picture(objective, noise):
    stage = next(
        method(objective, levels=[Level(32, 50)], optimizer=lambda p: torch.optim.SGD(p, lr=1e25)).stages(
            pictures(noise(), styles(noise))
        )
    )
    with pytest.raises(DivergedError, match=r"loss is .* at step \d+.*lower optimizer.lr"):
        trainer(50).fit(stage.module, stage.data)
    assert torch.isfinite(stage.module.image()).all()


def test_lbfgs_restores_the_picture_before_the_step_that_spoilt_it(objective, noise):
    class Watch(Clamp):
        def on_train_batch_start(self, trainer, module, *args):
            self.before = module.pixels.detach().clone()

    wild = method(objective, levels=[Level(32, 50)], optimizer=lambda p: torch.optim.LBFGS(p, lr=1e30, max_iter=3))
    stage, watch = next(wild.stages(pictures(noise(), styles(noise)))), Watch(low=0.0, high=1.0, until=0)
    with pytest.raises(DivergedError, match="the last good picture is kept"):
        trainer(50, watch).fit(stage.module, stage.data)
    assert torch.equal(stage.module.pixels, watch.before)


def test_a_picture_spoilt_by_the_step_itself_is_not_reported_as_kept(objective, noise):
    wild = method(objective, levels=[Level(32, 50)], optimizer=lambda p: torch.optim.SGD(p, lr=1e38))
    objective.terms["style"].weight = 1e6
    stage = next(wild.stages(pictures(noise(), styles(noise))))
    with pytest.raises(DivergedError, match="no picture is left"):
        trainer(50).fit(stage.module, stage.data)


@pytest.mark.parametrize("optimizer", [adam, lambda p: torch.optim.LBFGS(p, max_iter=2, history_size=3)])
def test_a_finished_level_holds_its_picture_alone(objective, noise, optimizer):
    kept = None

    def watched(parameters):
        nonlocal kept
        kept = optimizer(parameters)
        return kept

    module = paint(method(objective, optimizer=watched).stages(pictures(noise(), styles(noise))))
    assert module.content is None
    assert not module.styles
    assert not kept.state
    assert module.pixels.grad is None
    assert module.guard is None


def test_a_kept_region_keeps_the_content(objective, noise):
    mask = torch.zeros(1, 1, 32, 32)
    mask[..., :16] = 1
    module = paint(method(objective).stages(pictures(noise(), styles(noise), mask)))
    assert torch.equal(module.image()[..., :16], module.content[..., :16])


def test_clamp_until_and_restart(objective, noise):
    seen = []

    class Watch(Clamp):
        def on_train_batch_end(self, trainer, module, *args):
            super().on_train_batch_end(trainer, module, *args)
            seen.append((module.pixels.max().item() < 0.601, len(trainer.optimizers[0].state)))

    chosen = method(objective, levels=[Level(32, 4)], optimizer=lambda p: adam(p, lr=0.3))
    paint(chosen.stages(pictures(noise(), styles(noise))), Watch(low=0.4, high=0.6, until=3))
    assert [inside for inside, _ in seen] == [True, True, False, False]  # before the steps 0, 1 and 2, not before 3
    states = []

    class Count(Restart):
        def on_train_batch_start(self, trainer, module, *args):
            super().on_train_batch_start(trainer, module, *args)
            states.append(len(trainer.optimizers[0].state))

    paint(chosen.stages(pictures(noise(), styles(noise))), Count(step=2))
    assert states == [0, 1, 0, 1]


def test_average_is_the_bias_corrected_mean_of_the_iterates(objective, noise):
    iterates = []

    class Watch(Average):
        def on_train_batch_end(self, trainer, module, *args):
            super().on_train_batch_end(trainer, module, *args)
            iterates.append(module.pixels.detach().clone())

    module = paint(
        method(objective, levels=[Level(32, 5)]).stages(pictures(noise(), styles(noise))),
        Watch(decay=0.8, first="step"),
    )
    weights = [0.2 * 0.8 ** (4 - t) for t in range(5)]
    expected = sum(w * x for w, x in zip(weights, iterates, strict=True)) / sum(weights)
    assert torch.allclose(module.pixels.data, expected, atol=1e-6)


def test_mixed_styles_average_their_statistics(objective, noise):
    one, two = noise(seed=1), noise(seed=2)
    from nst.objective import Target

    mixed = objective.references(noise(), [Target(one, 1.0), Target(two, 3.0)])["style"][0].stats["s0"]
    single = [objective.references(noise(), [Target(x)])["style"][0].stats["s0"] for x in (one, two)]
    assert torch.allclose(mixed, 0.25 * single[0] + 0.75 * single[1], rtol=1e-5)


@pytest.mark.parametrize(
    ("enlarge", "larger"), [(False, (40, 50)), (1.5, (60, 75)), (4.0, (102, 128)), (True, (102, 128))]
)
def test_styles_are_enlarged_as_far_as_they_may_be(objective, noise, enlarge, larger):
    def size(**options):
        scale = options.pop("scale", 1.0)
        picture = [StylePicture("a", noise(40, 50), scale=scale)]
        made = method(objective, levels=[Level(32, 1)], style_enlarge=enlarge, **options)
        return tuple(next(made.stages(pictures(noise(), picture))).module.styles[0].image.shape[-2:])

    assert size() == (26, 32)
    assert size(scale=0.5) == (13, 16)
    assert size(scale=4.0) == larger
    assert size(style_fit="square", scale=1.5) == (48, 48)
    assert size(style_size=20) == (16, 20)
    assert size(style_fit="content") == (24, 32)


@pytest.mark.parametrize(
    ("edge", "enlarge", "remark"),
    [
        (100, 4.0, None),
        (101, 4.0, "style a has 50 x 40 pixels and is enlarged to 101 x 81: its strokes are soft; give a larger file"),
        (400, 4.0, "and is enlarged to 200 x 160: strokes are finer than at the 400 x 320 that are asked for"),
        (400, True, "and is enlarged to 400 x 320: its strokes are soft"),
        (400, False, None),
    ],
)
def test_it_is_said_what_a_style_of_few_pixels_becomes(objective, noise, edge, enlarge, remark):
    made = method(objective, levels=[Level(edge, 1)], style_enlarge=enlarge)
    found = made.remarks(pictures(noise(), styles(noise)))
    assert found == [] if remark is None else remark in found[0]


@pytest.mark.parametrize("distribution", ["uniform", "normal", "gray"])
@pytest.mark.parametrize("space", ["image", "input"])
def test_noise_starts(objective, noise, distribution, space):
    mean = 0.5 if space == "image" else 0.0
    inputs = initial_image.InitInputs(noise(), noise(), objective.backbone.input, torch.Generator().manual_seed(3))
    start = initial_image.noise(inputs, distribution=distribution, mean=mean, spread=0.05, space=space)
    assert start.shape == (1, 3, 24, 32)
    assert start.mean().item() == pytest.approx(0.5, abs=0.01)
    deviation = {"uniform": 0.05 / 3**0.5, "normal": 0.05, "gray": 0.0}[distribution]
    assert start.std().item() == pytest.approx(deviation, abs=0.003)


def test_blend_and_style_starts(objective, noise):
    inputs = initial_image.InitInputs(noise(), noise(60, 10, seed=5), objective.backbone.input, torch.Generator())
    assert initial_image.style(inputs).shape == (1, 3, 24, 32)
    half = initial_image.blend(inputs, noise=lambda inputs: torch.zeros_like(inputs.content), amount=0.5)
    assert torch.allclose(half, noise() / 2)
    with pytest.raises(ValueError, match="amount is 2; give a share"):
        initial_image.blend(inputs, noise=initial_image.content, amount=2.0)


FLAT = {"black": (0, 0), "white": (1, 0), "a colour": (0.3, 0), "one grey level of noise": (0.3, 1 / 255)}


@pytest.mark.parametrize("name", ["black", *(pytest.param(name, marks=pytest.mark.slow) for name in list(FLAT)[1:])])
def test_a_style_is_applied_to_a_flat_content(objective, noise, name):
    level, grain = FLAT[name]
    content = (level + grain * (noise(seed=3) - 0.5)).clamp(0, 1)
    objective.terms["content"].weight = 0.06
    made = method(objective, levels=[Level(32, 30)], style_size=24)
    stage = next(made.stages(pictures(content, styles(noise))))
    stage.module.take_references()
    start = stage.module.evaluate(content)
    paint([stage])
    end = stage.module.evaluate(stage.module.image())
    losses = [float(objective.total(shares)) for shares in (start, end)]
    assert losses[1] < 0.6 * losses[0] < 10
    assert (stage.module.image() - content).abs().mean() > 0.03
    assert sum(end["content"].values()) < 10


def test_a_content_with_structure_is_measured_by_its_own(objective, noise):
    content = 0.5 + 0.1 * (noise(seed=3) - 0.5)
    kept = objective.references(content, objective_styles(noise))["content"][0].stats
    layer = objective.backbone(content)["s1"]
    own = layer.var((-2, -1), correction=0).sum() * layer.shape[-2] * layer.shape[-1]
    assert torch.equal(kept["s1 divisor"], own)


def objective_styles(noise):
    return [Target(noise(40, 50, seed=1))]


def test_a_run_may_start_with_the_picture_of_the_network_that_comes_with_nst(objective, noise):
    inputs = initial_image.InitInputs(
        noise(41, 50), noise(32, 32), objective.backbone.input, torch.Generator(), style_name="mosaic"
    )
    start = initial_image.network(inputs, path=None)
    assert start.shape == (1, 3, 41, 50) and (start - inputs.content).abs().mean() > 0.05
    opacity = torch.ones(1, 1, 41, 50)
    opacity[..., 25:] = 0  # what is transparent has no say in the norms
    assert (initial_image.network(replace(inputs, content_alpha=opacity), path=None) - start).abs().mean() > 1e-3
    looks = [replace(inputs, style_name="mine", style=noise(32, 32, seed=seed) ** (seed + 1)) for seed in range(2)]
    of_files = [initial_image.network(one, path=None) for one in looks]  # by the network for any style
    assert (of_files[0] - of_files[1]).abs().mean() > 0.02
    with pytest.raises(ValueError, match="does not know the style mine"):
        initial_image.network(looks[0], path=str(io.bundled("multistyle")))
