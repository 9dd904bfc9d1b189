"""Export a trained network to ONNX, for images whose edges are multiples of its stride; needs the extra `onnx`."""

import logging
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from nst.networks import Adain, AnyStyle, StyleBlend
from nst.networks.io import Trained

EDGE = 64  # pixels; of the image that the network is traced with
LARGEST = 16384  # pixels; longest edge of an image


@dataclass(frozen=True)
class Program:
    """What is exported.

    Attributes:
        module: Takes the inputs in their order.
        examples: Input name -> a tensor to trace with.
        dynamic: For each input, axis -> the sizes it may have; None if its shape is fixed.
        described: Input name -> its shape and meaning, for the user.
    """

    module: nn.Module
    examples: dict[str, Tensor]
    dynamic: tuple[dict[int, Any] | None, ...]
    described: dict[str, str]


class _Mixing(nn.Module):
    """(image, mix) -> picture."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor, mix: Tensor) -> Tensor:
        out: Tensor = self.network(image, mix)
        return out


class _Stylizing(nn.Module):
    """(image, style image, strength) -> picture."""

    def __init__(self, network: Adain) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor, style: Tensor, strength: Tensor) -> Tensor:
        mean, deviation = self.network.style_statistics(style)
        blend = StyleBlend(mean[None], deviation[None], mean.new_ones(1, 1, 1, 1), strength)
        out: Tensor = self.network(image, blend)
        return out


class _Predicting(nn.Module):
    """(image, style image) -> picture."""

    def __init__(self, network: AnyStyle) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor, style: Tensor) -> Tensor:
        out: Tensor = self.network(image, self.network.embed(style)[..., None, None])
        return out


def export(trained: Trained, path: Path) -> dict[str, str]:
    """Write a network as ONNX and return its inputs, name -> shape.

    Raises:
        ValueError: The extra is not installed.
    """
    try:
        import onnx  # noqa: F401
        import onnxscript  # noqa: F401
    except ModuleNotFoundError:
        raise ValueError("an export needs onnx and onnxscript: pip install 'nst[onnx]'") from None
    network = trained.network
    program = _any_style(network) if isinstance(network, Adain | AnyStyle) else _known_styles(trained)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's, on itself
        logging.getLogger("torch.onnx").setLevel(logging.ERROR)
        exported = torch.onnx.export(
            program.module.eval(),
            tuple(program.examples.values()),
            input_names=list(program.examples),
            output_names=["picture"],
            dynamic_shapes=program.dynamic,
            dynamo=True,
            verbose=False,
        )
    assert exported is not None
    exported.save(str(path))
    return program.described


def _any_style(network: Adain | AnyStyle) -> Program:
    examples = {"image": torch.rand(1, 3, EDGE, EDGE + 16), "style": torch.rand(1, 3, EDGE + 32, EDGE)}
    dynamic = (
        _any_size("height", "width", network.stride),
        _any_size("style_height", "style_width", network.stride),
    )
    described = {"image": "1 x 3 x H x W", "style": "1 x 3 x H' x W'"}
    if isinstance(network, AnyStyle):
        return Program(_Predicting(network), examples, dynamic, described)
    return Program(
        module=_Stylizing(network),
        examples={**examples, "strength": torch.ones(())},
        dynamic=(*dynamic, None),
        described={**described, "strength": "a number from 0 to 1"},
    )


def _known_styles(trained: Trained) -> Program:
    count = len(trained.styles)
    return Program(
        module=_Mixing(trained.network),
        examples={"image": torch.rand(1, 3, EDGE, EDGE + 16), "mix": torch.full((1, count), 1 / count)},
        dynamic=(_any_size("height", "width", trained.network.stride), None),
        described={"image": "1 x 3 x H x W", "mix": f"1 x {count}: weights of {', '.join(trained.styles)}"},
    )


def _any_size(height: str, width: str, stride: int) -> dict[int, Any]:
    """Let the last two axes be any multiples of a stride."""
    tall, wide = (stride * torch.export.Dim(name, min=4, max=LARGEST // stride) for name in (height, width))
    return {2: tall, 3: wide}
