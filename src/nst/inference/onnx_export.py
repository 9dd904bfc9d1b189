"""A trained network as ONNX, with the extra `onnx`: pictures of any size whose edges are multiples of 4."""

import logging
import warnings
from pathlib import Path

import torch
from torch import Tensor, nn

from nst.networks import Adain, Blend
from nst.networks.io import Trained

EDGE = 64  # pixels of the picture that the network is traced with


class _Mixed(nn.Module):
    """(image, mix) -> picture."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor, mix: Tensor) -> Tensor:
        out: Tensor = self.network(image, mix)
        return out


class _Blended(nn.Module):
    """(image, style, strength) -> picture; the style is a picture, too."""

    def __init__(self, network: Adain) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor, style: Tensor, strength: Tensor) -> Tensor:
        mean, deviation = self.network.look(style)
        blend = Blend(mean[None], deviation[None], mean.new_ones(1, 1, 1, 1), strength)
        out: Tensor = self.network(image, blend)
        return out


def export(trained: Trained, path: Path) -> dict[str, str]:
    """Write a network as ONNX and return what it takes: name -> shape.

    Args:
        trained: The network.
        path: Where to.

    Raises:
        ValueError: The extra is not installed.
    """
    try:
        import onnx  # noqa: F401
        import onnxscript  # noqa: F401
    except ModuleNotFoundError:
        raise ValueError("an export needs onnx and onnxscript: pip install 'nst[onnx]'") from None
    image = torch.rand(1, 3, EDGE, EDGE + 16)
    height, width = (4 * torch.export.Dim(name, min=4, max=4096) for name in ("height", "width"))
    shape = {2: height, 3: width}
    if isinstance(trained.network, Adain):
        module: nn.Module = _Blended(trained.network)
        tall, wide = (4 * torch.export.Dim(name, min=4, max=4096) for name in ("style_height", "style_width"))
        inputs: tuple[Tensor, ...] = (image, torch.rand(1, 3, EDGE + 32, EDGE), torch.ones(()))
        names, shapes = ["image", "style", "strength"], (shape, {2: tall, 3: wide}, None)
        said = {"image": "1 x 3 x H x W", "style": "1 x 3 x H' x W'", "strength": "a number from 0 to 1"}
    else:
        module = _Mixed(trained.network)
        inputs = (image, torch.full((1, len(trained.styles)), 1 / len(trained.styles)))
        names, shapes = ["image", "mix"], (shape, None)  # type: ignore[assignment]
        said = {"image": "1 x 3 x H x W", "mix": f"1 x {len(trained.styles)}: weights of {', '.join(trained.styles)}"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's remarks on its own parts
        logging.getLogger("torch.onnx").setLevel(logging.ERROR)
        program = torch.onnx.export(
            module.eval(),
            inputs,
            input_names=names,
            output_names=["picture"],
            dynamic_shapes=shapes,
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    program.save(str(path))
    return said
