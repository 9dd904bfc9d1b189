"""SqueezeNet 1.1 as a student of itself: ImageNet's network teaches one of the same shape, from a random start."""

import torch
import torchvision
from torch import Tensor, nn

LAYERS = ("1", "3", "4", "6", "7", "9", "10", "11", "12")
"""Modules of `features` whose outputs are taught."""

STYLE, CONTENT = ["1", "3", "4", "6", "7", "9"], "6"
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
MODEL = "squeezenet1_1"


class SqueezeNet(nn.Module):
    """The features of SqueezeNet 1.1, by layer."""

    def __init__(self) -> None:
        super().__init__()
        self.features = torchvision.models.squeezenet1_1(weights=None).features
        for module in self.features.modules():
            if isinstance(module, nn.ReLU):
                module.inplace = False

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """Return layer -> features, (N, C, h, w), of an image, [0, 1], (N, 3, H, W)."""
        return self._run(image, None)

    def in_parts(self, image: Tensor, taught: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return layer -> features, each computed from the teacher's features of the layer before."""
        return self._run(image, taught)

    def _run(self, image: Tensor, taught: dict[str, Tensor] | None) -> dict[str, Tensor]:
        mean, std = (image.new_tensor(value).view(1, 3, 1, 1) for value in (MEAN, STD))
        x, out = ((image - mean) / std).contiguous(memory_format=torch.channels_last), {}
        for index, module in enumerate(self.features):
            x = module(x)
            if str(index) in LAYERS:
                out[str(index)] = x
                x = x if taught is None else taught[str(index)]
        return out

    def checkpoint(self) -> dict[str, Tensor]:
        """Return a state dict with torchvision's names, in float16."""
        return {name: value.half().contiguous() for name, value in self.state_dict().items()}


def teacher(state: dict[str, Tensor]) -> SqueezeNet:
    """Return the frozen teacher of a state dict, whole or of the features alone."""
    network = SqueezeNet()
    network.load_state_dict({name: value.float() for name, value in state.items() if name.startswith("features.")})
    return network.eval().requires_grad_(False)
