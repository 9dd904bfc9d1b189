"""An image processed in windows gives the same picture as the whole image."""

import pytest
import torch
import torch.nn.functional as F
from skimage import data
from torchvision.transforms.functional import to_tensor

from nst.inference import styles, tiled
from nst.inference.styles import StyleRequest
from nst.inference.tiled import TiledNetwork
from nst.networks import Adain, AnyStyle, Transformer, io
from nst.networks.io import Trained

EXACT = 2e-5  # float32; sums of other shapes are rounded differently


def trained(kind):
    torch.manual_seed(0)
    if kind == "adain":
        network = Adain(width=4, channels=8, blocks=1)
        return Trained(network.eval(), kind, ["a"], {"means": torch.rand(1, 8), "deviations": torch.rand(1, 8) + 0.5})
    if kind == "any_style":
        network = AnyStyle(widths=[2, 4, 4, 8], blocks=1, embedding=3)
        return Trained(network.eval(), kind, ["a"], {"embeddings": torch.randn(1, 3)})
    return Trained(Transformer(width=4, blocks=2, styles=1).eval(), kind, ["a"])


def stylize(one, image, **options):
    mix = styles.mix(one, [StyleRequest("a")], strength=1.0, masks=[None])
    return TiledNetwork(one.network, **options).stylize(image, mix)


@pytest.mark.parametrize("kind", ["feedforward", "adain", "any_style"])
@pytest.mark.parametrize("size", [(64, 64), (131, 90), (77, 203)])
def test_windows_give_the_picture_of_the_whole_image(kind, size, noise):
    one = trained(kind)
    image = noise(*size)
    whole = stylize(one, image, tile=None)
    assert whole.shape == image.shape
    assert (stylize(one, image, tile=32, glance=16) - whole).abs().max() < EXACT  # up to a megapixel: its own moments


@pytest.mark.parametrize("kind", ["feedforward", "adain", "any_style"])
def test_windows_give_the_same_with_the_moments_of_the_reduced_image(kind, noise, monkeypatch):
    monkeypatch.setattr(tiled, "WHOLE", 64**2)
    one = trained(kind)
    image = noise(150, 130)
    whole = stylize(one, image, tile=None, glance=64)
    assert (stylize(one, image, tile=48, glance=64) - whole).abs().max() < EXACT
    assert (stylize(one, image, tile=None, glance=150) - whole).abs().max() > 100 * EXACT  # its own moments


def test_windows_have_no_seams_where_plain_crops_have(noise):
    one = trained("feedforward")
    image = noise(96, 96) * torch.linspace(0, 1, 96)  # a gradient: moments differ from window to window
    cut = torch.cat([stylize(one, image[..., :48]), stylize(one, image[..., 48:])], dim=3)
    assert (cut - stylize(one, image, tile=None)).abs().max() > 100 * EXACT


def test_the_network_of_the_nine_paints_no_frame():
    one = io.load(io.bundled("multistyle"))
    image = F.interpolate(to_tensor(data.coffee())[None], (192, 288), mode="bilinear", antialias=True)
    mix = styles.mix(one, [StyleRequest("mosaic")], strength=1.0, masks=[None])

    def at_edges(picture):
        return torch.cat([picture[..., :16].flatten(), picture[..., -16:].flatten()])

    with torch.no_grad():
        alone = one.network(image, mix.condition(mix.weights_at((192, 288))))
    continued = TiledNetwork(one.network).stylize(F.pad(image, (96,) * 4, mode="reflect"), mix)[..., 96:-96, 96:-96]
    frame = (at_edges(alone) - at_edges(continued)).abs().mean()
    assert (at_edges(TiledNetwork(one.network).stylize(image, mix)) - at_edges(continued)).abs().mean() < 0.5 * frame


@pytest.mark.parametrize("size", [(2, 2), (3, 40), (8, 8), (9, 5)])
def test_the_smallest_images_work(size, noise):
    assert stylize(trained("feedforward"), noise(*size)).shape == (1, 3, *size)


def test_images_of_a_batch_do_not_affect_each_other(noise):
    one = trained("feedforward")
    pair = torch.cat([noise(32, 32), noise(32, 32, seed=1) ** 2])
    both = stylize(one, pair)
    assert all((both[i] - stylize(one, pair[i : i + 1])[0]).abs().max() < EXACT for i in range(2))


def test_masks_are_cut_with_the_windows(noise):
    one = trained("adain")
    one = Trained(one.network, "adain", ["a", "b"], {"means": torch.rand(2, 8), "deviations": torch.rand(2, 8) + 0.5})
    image = noise(100, 84)
    left = torch.zeros(1, 1, 100, 84)
    left[..., :42] = 1
    mix = styles.mix(one, [StyleRequest("a"), StyleRequest("b")], strength=0.8, masks=[left, 1 - left])
    whole = TiledNetwork(one.network, tile=None).stylize(image, mix)
    assert (TiledNetwork(one.network, tile=32).stylize(image, mix) - whole).abs().max() < EXACT
    alone, other = (
        TiledNetwork(one.network).stylize(image, styles.mix(one, [StyleRequest(name)], strength=0.8, masks=[None]))
        for name in ("a", "b")
    )
    assert (whole - alone)[..., :16].abs().mean() < (whole - other)[..., :16].abs().mean()


@pytest.mark.parametrize("kind", ["feedforward", "adain", "any_style"])
@pytest.mark.parametrize("tile", [None, 64])
def test_what_is_transparent_has_no_say_in_how_the_rest_is_painted(kind, tile, noise):
    one = trained(kind)
    opacity = torch.ones(1, 1, 64, 1536)
    opacity[..., 768:] = 0
    images = noise(64, 1536), noise(64, 1536)
    images[1][..., 768:] = images[1][..., 768:] ** 8
    mix = styles.mix(one, [StyleRequest("a")], strength=1.0, masks=[None])

    def change(seen):
        """Of the picture, far from what changes in the photograph."""
        both = [TiledNetwork(one.network, tile=tile).stylize(image, mix, opacity=seen) for image in images]
        return float((both[0] - both[1])[..., :160].abs().mean())

    assert change(opacity) < 0.1 * change(None)


@pytest.mark.parametrize(("free", "edge"), [(None, 1536), (100e9, 1536), (4e9, 1024), (1e6, 512)])
def test_windows_are_as_large_as_the_free_memory_allows(free, edge, monkeypatch):
    one = TiledNetwork(Transformer(width=16, blocks=5, styles=1))
    monkeypatch.setattr(tiled, "free_memory", lambda device: free)
    pixel = torch.empty(1, 3, 1, 1)
    assert one._tile(pixel.expand(1, 3, 1024, 1024)) is None
    assert one._tile(pixel.expand(1, 3, 4096, 4096)) == edge
