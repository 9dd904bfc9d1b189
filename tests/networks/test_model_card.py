"""What a model card says of how the network is used."""

import pytest

from nst.networks import model_card


@pytest.mark.parametrize(
    ("kind", "title", "style"),
    [
        ("unet", "Painted styles: mosaic, b", "mosaic"),
        ("any_style", "Any style", "art.jpg"),
        ("adain", "Any style", "art.jpg"),
    ],
)
def test_a_network_of_any_style_says_so(kind, title, style):
    about = {"config": {}, "method": "m", "kind": kind, "options": {}, "styles": ["mosaic", "b"]}
    card = model_card.text(about, steps=1, pictures=2, losses={"loss": 1.0}, held_out={})
    assert f"# {title}\n" in card and f"content=photo.jpg style={style}\n" in card
