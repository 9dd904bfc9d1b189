"""The two loops that are compared: the field's, and ours by Lightning."""

import time
from collections.abc import Callable
from pathlib import Path

import torch
import torchvision
from lightning.pytorch import Callback, Trainer
from omegaconf import DictConfig
from torch import nn

from benchmarks import machine
from nst import kernels
from nst.backbones.pretrained import aliases
from nst.config import instantiate
from nst.methods import ImageModule
from nst.methods.parametrization import parametrization
from nst.methods.stage import Steps
from nst.objective import Objective, Target
from nst.optim import lr_schedulers
from nst.optim.optimization import Optimization

PLAIN = {
    "vgg19": torchvision.models.vgg19,
    "vgg16": torchvision.models.vgg16,
    "squeezenet": torchvision.models.squeezenet1_1,
}
OPTIMIZERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "adam": lambda parameters: torch.optim.Adam(parameters, lr=0.02),
    "lbfgs": lambda parameters: torch.optim.LBFGS(parameters, max_iter=1, history_size=10),
}
OURS = OPTIMIZERS | {"adam": lambda parameters: torch.optim.Adam(parameters, lr=0.02, fused=True)}
"""The same, in one pass over the pixels, as `conf/optimizer` has them."""
WARM_UP = 3  # steps in which a compiled loop is compiled
SAME = (
    "loss=gram",
    "loss.style.normalize=chw",
    "loss.style.reduction=mean",
    "loss.content.reduction=mean",
    "weights.tv=0",
)
"""The plain loop's losses, in our words."""


class Plain:
    """The field's loop; with a backbone that no other program has, ours by torch's operators alone."""

    def __init__(self, backbone: str, cfg: DictConfig, ours: Objective, device: torch.device) -> None:
        self.style, self.content = (dict(ours.terms[term].layers) for term in ("style", "content"))
        self.weights = {term: cfg.weights[term] for term in ("style", "content")}
        if backbone not in PLAIN:
            with kernels.use("off"):
                self.network: nn.Module = instantiate.objective(cfg).backbone.only(ours.backbone.layers).to(device)
            self.features = self._by_torch
            return
        torch.manual_seed(0)
        network = PLAIN[backbone](weights=None).features.eval().requires_grad_(False)
        names = {str(i): str(i) for i in range(len(network))} | _numbers(ours)
        wanted = {names[str(layer)]: str(layer) for layer in (*self.style, *self.content)}
        deepest = max(map(int, wanted))
        self.network, self.wanted = network[: deepest + 1].to(device), wanted
        self.features = self._features

    def _features(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        out = {}
        for i, module in enumerate(self.network):
            x = module(x)
            if str(i) in self.wanted:
                out[self.wanted[str(i)]] = x
        return out

    def _by_torch(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        with kernels.use("off"):
            out: dict[str, torch.Tensor] = self.network(x)
        return out

    def gram(self, value: torch.Tensor) -> torch.Tensor:
        """Gram matrix over C H W."""
        _, c, h, w = value.shape
        flat = value.view(c, h * w)
        return flat @ flat.t() / (c * h * w)

    def run(self, content: torch.Tensor, style: torch.Tensor, optimizer: str, steps: int) -> list[float]:
        """Take steps; return the seconds of each."""
        with torch.no_grad():
            grams = {name: self.gram(self.features(style)[name]) for name in self.style}
            kept = {name: self.features(content)[name].clone() for name in self.content}
        image = content.clone().requires_grad_()
        stepper = OPTIMIZERS[optimizer]([image])

        def closure() -> torch.Tensor:
            stepper.zero_grad()
            features = self.features(image)
            losses = [torch.nn.functional.mse_loss(self.gram(features[k]), g) for k, g in grams.items()]
            aims = [torch.nn.functional.mse_loss(features[k], p) for k, p in kept.items()]
            loss = (
                self.weights["style"] * torch.stack(losses).mean() + self.weights["content"] * torch.stack(aims).mean()
            )
            loss.backward()
            return loss

        seconds = []
        for _ in range(steps):
            began = time.perf_counter()
            stepper.step(closure)
            machine.wait(image.device)
            seconds.append(time.perf_counter() - began)
        return seconds


class Best(Plain):
    """The same loop with what PyTorch has to make it fast: bfloat16, channels-last, cuDNN's search, `torch.compile`."""

    def __init__(self, backbone: str, cfg: DictConfig, ours: Objective, device: torch.device) -> None:
        super().__init__(backbone, cfg, ours, device)
        self.network.to(memory_format=torch.channels_last)
        self.plainly, self.features = self.features, torch.compile(self._in_bfloat16)

    def _in_bfloat16(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        with torch.autocast(x.device.type, torch.bfloat16):
            return self.plainly(x.contiguous(memory_format=torch.channels_last))

    def gram(self, value: torch.Tensor) -> torch.Tensor:
        """Gram matrix over C H W, in float32."""
        _, c, h, w = value.shape
        flat = value.permute(0, 2, 3, 1).reshape(h * w, c)  # no copy of channels-last maps
        return (flat.t() @ flat).float() / (c * h * w)

    def run(self, content: torch.Tensor, style: torch.Tensor, optimizer: str, steps: int) -> list[float]:
        """Take steps; return the seconds of each, after some in which it is compiled."""
        before, torch.backends.cudnn.benchmark = torch.backends.cudnn.benchmark, True
        try:
            return super().run(content, style, optimizer, steps + WARM_UP)[WARM_UP:]
        finally:
            torch.backends.cudnn.benchmark = before


def _numbers(objective: Objective) -> dict[str, str]:
    """Layer -> index of its module, for a network of which our backbone knows the field's names."""
    network = torchvision.models.vgg19(weights=None) if "relu1_1" in objective.backbone.layers else None
    return {} if network is None else {name: node.rpartition(".")[2] for name, node in aliases(network).items()}


class Clock(Callback):
    """Takes the time of every step."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def on_train_batch_start(self, trainer: Trainer, module: ImageModule, *args: object) -> None:
        """Begin."""
        self.began = time.perf_counter()

    def on_train_batch_end(self, trainer: Trainer, module: ImageModule, *args: object) -> None:
        """End."""
        machine.wait(module.device)
        self.seconds.append(time.perf_counter() - self.began)


def ours(
    cfg: DictConfig, objective: Objective, content: torch.Tensor, style: torch.Tensor, optimizer: str, steps: int
) -> list[float]:
    """Take the same steps by Lightning; return the seconds of each."""
    module = ImageModule(
        content.cpu().clone(),
        content.cpu(),
        [Target(style.cpu())],
        objective=objective,
        optimization=Optimization(OURS[optimizer], lr_schedulers.constant, steps),
        space=parametrization(cfg.method.space, tuple(content.shape[-2:]), objective.backbone.input),
        first_step=0,
    )
    clock = Clock()
    trainer = instantiate.trainer(cfg, Path(), steps, [], [clock])
    with kernels.keep_memory(cfg.keep_memory):
        trainer.fit(module, Steps(steps))
    return clock.seconds
