"""Where a training's images and the teacher's features of them come from."""

from collections.abc import Callable

import torch
from torch import Tensor

from distillation.crops import Crops
from distillation.paintings import Paintings

Features = dict[str, Tensor]
Network = Callable[[Tensor], Features]


class Fresh:
    """Every image is used once.

    Args:
        crops: Of pictures.
        paintings: Pictures from along style transfers.
        teacher: Image -> layer -> features.
        batch: Images a step.
        painted: Of them, paintings.
    """

    def __init__(self, crops: Crops, paintings: Paintings, teacher: Network, *, batch: int, painted: int) -> None:
        self.crops, self.paintings, self.teacher, self.batch, self.painted = crops, paintings, teacher, batch, painted

    def next(self, step: int, painter: Network) -> tuple[Tensor, Features]:
        """Return a step's images, (N, 3, edge, edge), and the teacher's features of them.

        Args:
            step: Its number.
            painter: The network that paints the paintings.
        """
        images = self.crops.varied(self.batch - self.painted, 0, step)
        if self.painted:
            images = torch.cat([images, self.paintings.next(self.painted, step, painter)])
        with torch.no_grad():
            return images, self.teacher(images)

    def state_dict(self) -> dict[str, object]:
        """Return what the next steps depend on."""
        return {"paintings": self.paintings.state_dict()}

    def load_state_dict(self, state: dict[str, object]) -> None:
        """Go on from a state."""
        self.paintings.load_state_dict(state["paintings"])


class Reused:
    """The last images with the features of an expensive teacher; each step adds one, in place of the oldest.

    Every other image that is added is a painting.

    Args:
        crops: Of pictures.
        paintings: Pictures from along style transfers.
        teacher: Image -> layer -> features.
        batch: Images a step.
        kept: How many images are kept.
    """

    def __init__(self, crops: Crops, paintings: Paintings, teacher: Network, *, batch: int, kept: int) -> None:
        self.crops, self.paintings, self.teacher, self.batch, self.kept = crops, paintings, teacher, batch, kept
        self.images: list[Tensor] = []
        self.features: list[dict[str, Tensor]] = []

    def next(self, step: int, painter: Network) -> tuple[Tensor, Features]:
        """As `Fresh.next`."""
        if not self.images:
            self._keep([self.crops.varied(1, 4, number)[0] for number in range(self.kept)])
        new = self.paintings.next(1, step // 2, painter) if step % 2 else self.crops.varied(1, 0, step)
        place = step % self.kept
        self.images[place], self.features[place] = self._taught(new[0])
        chosen = self.crops.random(5, step).choice(self.kept, self.batch, replace=False)
        images = torch.stack([self.images[i] for i in chosen]).float() / 255
        return images, {k: torch.stack([self.features[i][k] for i in chosen]).float() for k in self.features[0]}

    def _keep(self, images: list[Tensor]) -> None:
        pairs = [self._taught(image) for image in images]
        self.images, self.features = [pair[0] for pair in pairs], [pair[1] for pair in pairs]

    @torch.no_grad()
    def _taught(self, image: Tensor) -> tuple[Tensor, Features]:
        """Return an image as bytes and the features of these bytes, in float16."""
        small = image if image.dtype == torch.uint8 else (image * 255).round().byte()
        return small, {k: v[0].half() for k, v in self.teacher(small[None].float() / 255).items()}

    def state_dict(self) -> dict[str, object]:
        """Return what the next steps depend on, without the features, which follow from the images."""
        return {"paintings": self.paintings.state_dict(), "images": self.images}

    def load_state_dict(self, state: dict[str, object]) -> None:
        """Go on from a state."""
        self.paintings.load_state_dict(state["paintings"])
        self._keep(state["images"])
