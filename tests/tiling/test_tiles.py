"""Tiles equal the whole, in value and in gradient: every additive term, all families of backbones, borders."""

import pytest
import torch
from conftest import ROOT
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from nst import losses
from nst.backbones import Input, Pretrained, Wavelet
from nst.objective import Objective, RegionReference, Target
from nst.tiling import plan
from nst.tiling.windows import Span
from nst.utils.distributed import Ranks

INPUT = {"mean": [0.5, 0.4, 0.3], "std": [0.9, 1.0, 1.1]}
RELATIVE = {"reduction": "relative", "layer_reduction": "mean"}
SHALLOW = {
    "squeezenet": ("squeezenet1_1", {"1": 1.0, "4": 1.0, "6": 1.0}),
    "vgg19": ("vgg19", {"relu1_1": 1.0, "conv2_1": 1.0, "relu3_1": 1.0}),
    "vgg16": ("vgg16", {"relu1_1": 1.0, "relu2_2": 1.0, "relu3_1": 1.0}),
    "resnet50": ("resnet50", {"relu": 1.0, "layer1": 1.0}),
    "inception": ("inception_v3", {"Conv2d_1a_3x3": 1.0, "Conv2d_2b_3x3": 1.0, "Conv2d_4a_3x3": 1.0}),
    "alexnet": ("alexnet", {"1": 1.0, "4": 1.0}),
}


def wavelets(*layers: str) -> Wavelet:
    options = OmegaConf.to_container(OmegaConf.load(ROOT / "conf/backbone/wavelet.yaml"))
    del options["defaults"], options["_target_"]
    return Wavelet(layers=layers, input=Input(**INPUT), **options)


def pretrained(model: str, *layers: str, **options: str) -> Pretrained:
    chosen = {
        "pooling": "max",
        "padding": "zeros",
        "smoothing": "none",
    } | options
    return Pretrained(
        layers=layers, model=model, checkpoint="random", input=Input(**INPUT), seed=0, download=None, **chosen
    )


def terms(layers: dict[str, float]) -> dict[str, losses.Term]:
    """Every additive term there is."""
    deepest, style = list(layers)[-1], {"layers": layers, "weight": 1.0}
    made = [
        losses.Content(layers={deepest: 1.0}, weight=1.0, **RELATIVE),
        losses.Gram(**style, normalize="hw", **RELATIVE),
        losses.Covariance(**style, **RELATIVE),
        losses.MeanCovariance(**style),
        losses.MeanStd(**style, **RELATIVE),
        losses.Moment(**style, **RELATIVE),
        losses.Wasserstein(**style, **RELATIVE, ridge=1e-3),
        losses.TotalVariation(layers={"image": 1.0, "input": 0.5}, weight=1.0, form="squared_mean_9"),
        losses.Laplacian(layers={"image": 1.0}, weight=1.0, reduction="relative", pool=3),
    ]
    return {type(term).__name__: term for term in made}


def test_every_additive_term_is_tried() -> None:
    known = {name for name in losses.__all__ if name not in ("Stats", "Term") and getattr(losses, name).additive}
    assert known - {"Earlier"} == set(terms({"a": 1.0}))  # which a film's frames before give its references


def noise(height: int, width: int, seed: int) -> torch.Tensor:
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def compare(backbone, made, cut: int, size=(97, 75), masks=(None,), tolerance=1e-9) -> None:
    """Value of every share and gradient of their sum, whole and cut."""
    backbone = backbone.double()
    image = noise(*size, seed=1)
    styles = [Target(noise(90 + 3 * i, 101, seed=2 + i), mask=mask) for i, mask in enumerate(masks)]
    results = []
    for how in ("none", cut):
        objective = Objective(backbone=backbone, terms=made, cut=how)
        assert how == "none" or len(objective.plan.windows(image)) >= 4
        references = objective.references(noise(*size, seed=5), styles)
        x = image.clone().requires_grad_()
        shares = objective(x, references)
        total = objective.total(shares)
        total.backward()
        results.append(({f"{k} {n}": s for k, v in shares.items() for n, s in v.items()}, x.grad))
    (whole, gradient), (tiled, other) = results
    for name, share in whole.items():
        torch.testing.assert_close(tiled[name], share, rtol=tolerance, atol=1e-12, msg=lambda m, n=name: f"{n}: {m}")
    assert (other - gradient).norm() < tolerance * gradient.norm()


@pytest.mark.parametrize("family", SHALLOW)
def test_tiles_equal_the_whole_on_a_network(family) -> None:
    model, layers = SHALLOW[family]
    compare(pretrained(model, *layers), terms(layers), cut=40)


def test_tiles_equal_the_whole_on_the_wavelets() -> None:
    layers = {"r0": 1.0, "l0": 1.0, "s1": 1.0, "m0": 1.0, "x0": 1.0, "y1": 1.0, "w2": 1.0}
    compare(wavelets(*layers), terms(layers), cut=32, size=(131, 103))


@pytest.mark.parametrize(
    "options",
    [
        {"padding": "reflect"},
        {"padding": "replicate_all"},
        {"padding": "reflect_all"},
        {"padding": "replicate", "pooling": "average"},
        {"pooling": "l2_rescaled", "smoothing": "softmax"},
    ],
    ids=str,
)
def test_tiles_equal_the_whole_with_other_borders_and_pooling(options) -> None:
    layers = {"relu1_1": 1.0, "relu2_1": 1.0}
    gram = losses.Gram(layers=layers, weight=1.0, normalize="hw", **RELATIVE)
    compare(pretrained("vgg16", *layers, **options), {"style": gram}, cut=24)


@pytest.mark.slow
@pytest.mark.parametrize("family", ["squeezenet", "vgg19", "vgg16", "resnet50", "inception", "wavelet"])
def test_tiles_equal_the_whole_on_the_layers_of_a_run(family) -> None:
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        chosen = compose("train", [f"backbone={family}"]).layers
    layers, content = ({str(k): float(v) for k, v in part.items()} for part in (chosen.style, chosen.content))
    made = {
        "content": losses.Content(layers=content, weight=0.1, **RELATIVE),
        "style": losses.MeanCovariance(layers=layers, weight=1.0),
    }
    names = dict.fromkeys([*layers, *content])
    model = SHALLOW[family][0] if family in SHALLOW else None
    backbone = wavelets(*names) if model is None else pretrained(model, *names)
    compare(backbone, made, cut=64, size=(181, 151))


def test_tiles_equal_the_whole_under_masks_of_two_styles() -> None:
    layers = {"r0": 1.0, "s1": 1.0, "y1": 1.0}
    mask = noise(97, 75, seed=9)[:, :1]
    compare(wavelets(*layers), terms(layers), cut=32, masks=(mask, 1 - mask))


@pytest.mark.parametrize("size", [(33, 200), (200, 33), (65, 64), (97, 97)])
def test_the_last_tile_may_be_a_sliver(size) -> None:
    layers = {"1": 1.0, "4": 1.0}
    style = losses.Gram(layers=layers, weight=1.0, normalize="hw", **RELATIVE)
    compare(pretrained("squeezenet1_1", *layers), {"style": style}, cut=16, size=size)


def test_half_precision_tiles_are_those_of_the_whole_but_for_rounding() -> None:
    layers = {"1": 1.0, "4": 1.0}
    style = losses.Gram(layers=layers, weight=1.0, normalize="hw", **RELATIVE)
    backbone, gradients = pretrained("squeezenet1_1", *layers), []
    for cut in ("none", 32):
        objective = Objective(backbone=backbone, terms={"style": style}, cut=cut)
        references = objective.references(noise(64, 64, 0).float(), [Target(noise(64, 64, 1).float())])
        x = noise(64, 64, 2).float().requires_grad_()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss = objective.total(objective(x, references))
        loss.backward()
        gradients.append(x.grad)
    assert (gradients[0] - gradients[1]).norm() < 0.05 * gradients[0].norm()  # bfloat16 has 8 bits


def test_an_image_needs_no_gradient_to_be_measured() -> None:
    style = losses.Gram(layers={"s0": 1.0}, weight=1.0, normalize="hw", **RELATIVE)
    objective = Objective(backbone=wavelets("s0"), terms={"style": style}, cut=16)
    image = noise(40, 40, 0).float()
    assert not objective(image, objective.references(image, [Target(image)]))["style"]["s0"].requires_grad


def test_a_term_that_is_no_sum_is_refused_by_name() -> None:
    options = {"layers": {"s0": 1.0}, "weight": 1.0, "projections": 4, "positions": 16}
    style = {"style": losses.SlicedWasserstein(**options, **RELATIVE)}
    with pytest.raises(ValueError, match=r"tiles=64 .* the term style \(SlicedWasserstein\).*tiles=none"):
        Objective(backbone=wavelets("s0"), terms=style, cut=64)


@pytest.mark.parametrize("cut", ["all", 0, -3, 2.5, True, "64"])
def test_a_wrong_choice_of_tiles_is_one_line(cut) -> None:
    with pytest.raises(ValueError, match="tiles is .*; give auto, none, or the edge"):
        plan.check_cut(cut)


@pytest.mark.parametrize(("model", "layer"), [("efficientnet_b0", "features.2"), ("swin_t", "features.1")])
def test_a_network_that_sees_more_than_a_neighbourhood_is_refused_in_one_line(model, layer) -> None:
    gram = losses.Gram(layers={layer: 1.0}, weight=1.0, normalize="hw", **RELATIVE)
    objective = Objective(backbone=pretrained(model, layer), terms={"style": gram}, cut=64)
    with pytest.raises(ValueError, match=rf"layer {layer} .*; give tiles=none"):
        objective(noise(128, 128, 0).float(), {})


def test_a_span_owns_every_position_once() -> None:
    assert Span(0, 40, 0, 32).positions(8, 5) == (0, 4)
    assert Span(16, 60, 32, None).positions(8, 6) == (2, 6)


class Alike(Ranks):
    """One of several processes, the others of which compute the same."""

    def broadcast(self, number: int, device: torch.device) -> int:
        return number

    def sum(self, values):
        return values


def test_more_processes_than_tiles_add_up_to_the_whole() -> None:
    gram = losses.Gram(layers={"s0": 1.0, "y1": 1.0}, weight=1.0, normalize="hw", **RELATIVE)
    objective = Objective(backbone=wavelets("s0", "y1").double(), terms={"style": gram}, cut=32)
    image = noise(33, 40, 0)
    windows = objective.plan.windows(image)
    world = len(windows) + 2
    empty = {"style": [RegionReference({})]}
    parts = [objective._measure(image, objective.named(), empty, windows, Alike(rank, world)) for rank in range(world)]
    whole = gram.measure(objective.backbone(image), {})
    for name, value in whole.items():
        torch.testing.assert_close(sum(part["style"][0][name] for part in parts), value, rtol=1e-9, atol=1e-9)
