"""What is transparent has no say: in references, losses, colours, in the networks and in the judge."""

import numpy as np
import pytest
import torch
from conftest import QUICK, picture
from PIL import Image

from nst.data import color, transparency
from nst.losses import Content, Laplacian, MeanCovariance, SelfSimilarity, SlicedWasserstein, TotalVariation
from nst.methods.network_module import style_references
from nst.networks import Adain
from nst.objective import Objective, Target

LAYERS = {"layers": {"s0": 1, "s1": 1}, "weight": 1}
MOMENTS = {**LAYERS, "reduction": "relative", "layer_reduction": "mean"}
PIXELS = {"layers": {"image": 1}, "weight": 1}
TERMS = {
    "moments": lambda: MeanCovariance(**LAYERS),
    "sampled": lambda: SlicedWasserstein(**MOMENTS, projections=5, positions=100),
    "content": lambda: Content(**MOMENTS),
    "content mean": lambda: Content(**MOMENTS | {"reduction": "mean"}),
    "similarity": lambda: SelfSimilarity(**LAYERS, positions=100),
    "laplacian": lambda: Laplacian(**PIXELS, reduction="relative", pool=2),
    "variation": lambda: TotalVariation(**PIXELS, form="absolute_sum"),
}
every = pytest.mark.parametrize("make", TERMS.values(), ids=TERMS)
MARGIN = 12  # pixels: the receptive fields of s0 and s1 end before


def half(height=48, width=64):
    """Opaque on the left."""
    alpha = torch.zeros(1, 1, height, width)
    alpha[..., : width // 2] = 1
    return alpha


def changed(image):
    """The image with other pixels where nothing visible reads them."""
    return torch.cat([image[..., : 32 + MARGIN], 1 - image[..., 32 + MARGIN :]], dim=-1)


@every
def test_of_a_style_and_a_content_only_the_visible_counts(wavelet, noise, make):
    objective = Objective(backbone=wavelet, terms={"term": make()})
    content, style, image = (noise(48, 64, seed=seed) for seed in range(3))

    def loss(content, style, image, alpha):
        references = objective.references(content, [Target(style, alpha=alpha)], alpha=alpha)
        return objective.total(objective(image, references))

    seen = loss(content, style, image, half())
    assert loss(changed(content), changed(style), changed(image), half()) == pytest.approx(seen.item(), rel=1e-6)
    assert loss(changed(content), changed(style), changed(image), None) != pytest.approx(seen.item(), rel=1e-3)


def test_tiles_of_a_cut_out_are_exact(wavelet, noise):
    content, style, image = (noise(48, 64, seed=seed) for seed in range(3))
    terms = {name: make() for name, make in TERMS.items() if make().additive}
    found = []
    for cut in ("none", 16):
        objective = Objective(backbone=wavelet, terms=terms, cut=cut)
        losses = objective(image, objective.references(content, [Target(style, alpha=half())], alpha=half()))
        found.append({name: sum(layers.values()).item() for name, layers in losses.items()})
    assert found[1] == pytest.approx(found[0], rel=1e-4)


def test_regions_of_a_cut_out_share_what_is_visible(wavelet, noise):
    objective = Objective(backbone=wavelet, terms={"style": MeanCovariance(**LAYERS)})
    top = torch.zeros(1, 1, 48, 64)
    top[..., :12, :] = 1
    targets = [Target(noise(48, 64, seed=1), mask=top), Target(noise(48, 64, seed=2), mask=1 - top)]
    assert [r.area for r in objective.references(noise(48, 64), targets, alpha=half())["style"]] == [0.25, 0.75]


@pytest.mark.parametrize("how", ["match", "histogram", "luminance"])
def test_colours_are_taken_from_the_visible_alone(noise, how):
    change = color.Color(before=how, after="none")
    content, style = noise(48, 64, seed=1) ** 2, noise(48, 64, seed=2)

    def visible(content, style, opacity):
        return change.before(content, [style], opacity=opacity)[1][0][..., :32]

    right = visible(content, style, [half(), half()])
    assert torch.equal(visible(changed(content), changed(style), [half(), half()]), right)
    assert not torch.allclose(visible(changed(content) * 0.2, changed(style), [None, None]), right, atol=1e-2)
    alone = change.before(content[..., :32], [style[..., :32]])[1][0]
    torch.testing.assert_close(right, alone, atol=1e-5, rtol=0)


def test_networks_learn_and_apply_the_visible_part_of_a_style(objective, noise):
    style = noise(48, 64, seed=1)
    seen, same, other = (
        style_references(objective, [image], [alpha])[0]["style"][0].stats["s0"]
        for image, alpha in ((style, half()), (changed(style), half()), (changed(style), None))
    )
    assert torch.equal(seen, same) and not torch.allclose(seen, other, rtol=1e-2)
    torch.manual_seed(0)
    network = Adain(width=4, channels=8, blocks=1)
    with torch.no_grad():
        codes = [network.encode_style(style[..., :44], half()[..., :44]), network.encode_style(style, half())]
        plain, opaque = network.encode_style(style), network.encode_style(style, torch.ones(1, 1, 48, 64))
    torch.testing.assert_close(*codes, rtol=0.1, atol=0.01)  # features at the new border differ
    torch.testing.assert_close(plain, opaque)
    assert not torch.allclose(plain, codes[1], rtol=0.1)


def test_what_is_transparent_is_filled_from_around_and_what_is_opaque_stays():
    image, alpha = torch.zeros(1, 3, 33, 47), torch.zeros(1, 1, 33, 47)
    image[:, 0], image[..., 30:] = 0.25, 0.75
    alpha[..., :20], alpha[..., 40:] = 1, 1
    alpha[..., 20] = 0.5
    filled = transparency.fill(image, alpha)
    assert torch.equal(filled[..., :20], image[..., :20]) and torch.equal(filled[..., 40:], image[..., 40:])
    assert torch.allclose(filled[0, :, 10, 22], image[0, :, 10, 0], atol=0.1)
    assert torch.allclose(filled[0, :, 10, 38], image[0, :, 10, 46], atol=0.1)
    assert filled.min() >= 0 and filled.max() <= 0.75
    one = torch.zeros(1, 1, 33, 47)
    one[..., 5, 7] = 1
    assert torch.allclose(transparency.fill(image, one), image[..., 5:6, 7:8].expand_as(image))


def test_pictures_that_look_alike_give_one_painting(train, tmp_path, photo):
    rgb = np.asarray(picture(photo).resize((64, 48)))
    hole = np.hypot(*(np.mgrid[:48, :64] - np.array([24, 32])[:, None, None])) < 14
    results = []
    for name, hidden in (("black", 0), ("magenta", (255, 0, 255))):
        array = np.dstack([np.where(hole[..., None], hidden, rgb), np.where(hole, 0, 255)]).astype(np.uint8)
        Image.fromarray(array).save(tmp_path / f"{name}.png")
        done = train(*QUICK, f"content.path={name}.png", f"style.path={name}.png", f"hydra.run.dir={name}")
        assert done.returncode == 0, done.stderr
        results.append(np.asarray(picture(tmp_path / name / "final.png")))
    assert np.array_equal(*results)
