"""A painted film without flicker: strokes move with what they paint, and are painted anew where that is new."""

from collections.abc import Mapping

import torch
from torch import Tensor

from nst.data import flow, image_io

EDGE = 640  # pixels; the flow of larger frames is found on reduced ones
SAME, OTHER = 0.08, 0.12  # mean difference from what was painted: up to the first all is kept, from the second nothing


class Steady:
    """Carries a picture from frame to frame along the optical flow.

    A pixel is kept while the flow can be trusted and the frame looks there as it did when the pixel was painted;
    elsewhere the picture that was painted of this frame alone is taken. What the frames looked like when they were
    painted moves along with the picture, so errors of the flow and slow changes of the light end in a new stroke.

    Args:
        memory: Where to go on; empty for a new film.

    Attributes:
        memory: The picture, the frame before, and what was painted, each (1, 3, H, W) in [0, 1]; empty before the first
            frame.

    Source: Ruder, Dosovitskiy & Brox 2016 (the masks).

    Differs: what is kept is not averaged with the new picture, which would blur the strokes; repainting by the
    difference from what was painted is ours.
    """

    def __init__(self, memory: Mapping[str, Tensor] | None = None) -> None:
        flow.require()
        self.memory = dict(memory or {})

    def cut(self) -> None:
        """Begin a new shot."""
        self.memory = {}

    def __call__(self, frame: Tensor, painted: Tensor) -> Tensor:
        """Return the picture of a frame, (1, 3, H, W) in [0, 1].

        Args:
            frame: (1, 3, h, w) in [0, 1].
            painted: What a network paints of it alone, (1, 3, H, W).
        """
        frame = image_io.resize(frame, image_io.size_of(painted)).clamp(0, 1)
        if self.memory:
            picture, seen = self._carried(frame, painted)
        else:
            picture, seen = painted, frame
        self.memory = {"picture": picture, "frame": frame, "seen": seen}
        return picture

    def _carried(self, frame: Tensor, painted: Tensor) -> tuple[Tensor, Tensor]:
        before = self.memory["frame"]
        there, back = _flows(frame, before)
        still = flow.still(there, frame, before)
        there = there * (1 - still)
        seen = flow.carry(self.memory["seen"], there)
        same = (OTHER - flow.around(flow.difference(frame, seen))) / (OTHER - SAME)
        kept = torch.maximum(flow.trusted(there, back), still) * same.clamp(0, 1)
        kept = torch.minimum(kept, flow.around(kept))  # soft towards what is new
        picture = torch.lerp(painted, flow.carry(self.memory["picture"], there), kept)
        return picture, torch.lerp(frame, seen, kept)


def _flows(frame: Tensor, before: Tensor) -> tuple[Tensor, Tensor]:
    """Return the flow from a frame to the one before, and back."""
    small = [image_io.reduced(image, EDGE) for image in (frame, before)]
    size = image_io.size_of(frame)
    return flow.resized(flow.between(*small), size), flow.resized(flow.between(*small[::-1]), size)
