"""What a picture is begun from."""

import hydra
import torch
from hydra import compose, initialize_config_dir

from nst.backbones import Input
from nst.config.search_path import OWN
from nst.methods.initial_image import InitInputs


def begun(*words, seed=0, content=None):
    with initialize_config_dir(str(OWN), version_base="1.3"):
        init = hydra.utils.instantiate(compose("train", list(words)).init, _partial_=True)
    content = torch.full((1, 3, 40, 40), 0.2) if content is None else content
    return init(InitInputs(content, content, Input(mean=[0.0] * 3, std=[1.0] * 3), torch.Generator().manual_seed(seed)))


def test_by_default_no_two_places_of_a_flat_sky_are_alike():
    image = begun()
    assert (image - 0.2).abs().max() <= 0.03  # seven grey levels, the sky's own colour on average
    assert (image.mean() - 0.2).abs() < 0.01
    middle = image[..., 10:30, 10:30]
    assert middle.std() > 0.005 and len(middle.unique()) > 1000
    assert torch.equal(image, begun()) and not torch.equal(image, begun(seed=1))


def test_the_content_itself_is_begun_from_where_that_is_asked_for(noise):
    assert torch.equal(begun("init=content", content=noise()), noise())
