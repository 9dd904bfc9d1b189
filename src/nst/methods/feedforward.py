"""One network for one style (Johnson et al. 2016)."""

from collections.abc import Sequence
from typing import Any

from nst.data.inputs import StylePicture
from nst.methods.multistyle import Multistyle


class Feedforward(Multistyle):
    """A network that learns one style.

    Args:
        styles: The style; a list of one.
        options: Those of `Multistyle`.

    Raises:
        ValueError: There are several styles.

    Source: Johnson, Alahi & Fei-Fei 2016.
    """

    name = "feedforward"
    accepts_new_styles = False

    def __init__(self, *, styles: Sequence[StylePicture], **options: Any) -> None:
        if len(styles) != 1:
            raise ValueError(f"method=feedforward learns one style, not {len(styles)}; give one, or method=multistyle")
        super().__init__(styles=styles, **options)
