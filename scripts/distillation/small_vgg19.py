"""The small VGG-19's start from its teacher, in closed form, and the numbers that tell its progress."""

import torch
import torch.nn.functional as F
import torchvision
from torch import Tensor, nn

from distillation.paintings import gram
from nst.backbones.small_vgg19 import DEEP, NODES, RANK, SEEN, WIDTHS, SmallVGG19

STYLE = ["relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1"]
CONTENT = "relu4_2"
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
RIDGE = 1e-4  # of the mean diagonal of a normal equation


def normalised(image: Tensor) -> Tensor:
    """Return VGG-19's input of an image, [0, 1], (N, 3, H, W)."""
    mean, std = (image.new_tensor(value).view(1, 3, 1, 1) for value in (MEAN, STD))
    return ((image - mean) / std).contiguous(memory_format=torch.channels_last)


class Teacher(nn.Module):
    """VGG-19 up to relu5_1, its features in the coordinates of their principal components.

    Args:
        state: A state dict with torchvision's names.
    """

    def __init__(self, state: dict[str, Tensor]) -> None:
        super().__init__()
        features = torchvision.models.vgg19(weights=None).features[:30]
        kept = {k.removeprefix("features."): v.float() for k, v in state.items() if k.startswith("features.")}
        features.load_state_dict({k: kept[k] for k in features.state_dict()})
        self.stages, block, number = nn.ModuleDict(), 1, 0
        waiting: list[nn.Module] = []
        for module in features:
            if isinstance(module, nn.MaxPool2d):
                waiting, block, number = [module], block + 1, 0
            elif isinstance(module, nn.Conv2d):
                number += 1
                self.stages[f"{block}_{number}"] = nn.Sequential(*waiting, module)
                waiting = []
        self.bases: dict[str, Tensor] = {}
        self.eval().requires_grad_(False)

    def full(self, image: Tensor) -> dict[str, Tensor]:
        """Return layer -> VGG-19's features after the ReLU."""
        x, out = normalised(image), {}
        for name, stage in self.stages.items():
            x = stage(x).relu()
            out[f"relu{name}"] = x
        return out

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """Return layer -> coordinates of VGG-19's features, (N, components, h, w)."""
        full = self.full(image)
        return {k: F.conv2d(full[k], basis[:, :, None, None]) for k, basis in self.bases.items()}


class Student(nn.Module):
    """The small network on images in [0, 1]."""

    def __init__(self) -> None:
        super().__init__()
        self.network = SmallVGG19().to(memory_format=torch.channels_last)

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """Return layer -> coordinates, (N, components, h, w)."""
        out: dict[str, Tensor] = self.network(normalised(image))
        return out

    def checkpoint(self) -> dict[str, Tensor]:
        """Return the small network's state dict, in float16."""
        return {name: value.half().contiguous() for name, value in self.network.state_dict().items()}


@torch.no_grad()
def start(student: Student, teacher: Teacher, images: Tensor, sample: int = 40000) -> None:
    """Fill the student from the teacher, layer by layer, and the teacher's bases; scale the teacher's features.

    Each layer of the teacher gets features of root mean square 1, so that one learning rate suits all of the student's.
    The student's channels of a layer imitate those of the teacher's that explain most of all of them (a pivoted
    Cholesky factorisation of their second moments). A layer's convolution is the least-squares solution from the
    student's own features of the layer before to the chosen channels before their ReLU; where it has a rank, the one
    of that rank that explains most.

    Source: He, Zhang & Sun 2017 (arXiv 1707.06168); of a rank: Zhang et al. 2016 (arXiv 1505.06798).
    """
    x = normalised(images)
    known, network, block, scale = x, student.network, 1, 1.0
    for name, stage in teacher.stages.items():
        convolution = stage[-1]
        convolution.bias.div_(scale)
        before = torch.cat([stage(part) for part in x.split(8)])
        level = before.relu().square().mean().sqrt().item()
        convolution.weight.div_(level)
        convolution.bias.div_(level)
        before, scale = before.div_(level), scale * level
        x = before.relu()
        if name not in {**WIDTHS, **DEEP}:
            continue
        if int(name[0]) > block:
            known = network.pool[str(block)](known)
            block += 1
        moments = _moments(_rows(x, sample))
        chosen = pivots(moments, {**WIDTHS, **DEEP}[name])
        solve(network.trunk[f"conv{name}"], known, before[:, chosen], sample)
        known = torch.cat([network.trunk[f"conv{name}"](part).relu() for part in known.split(8)])
        if name in SEEN:
            _, vectors = torch.linalg.eigh(moments)
            basis = vectors.flip(1).T[: SEEN[name]].float()
            teacher.bases[f"relu{name}"] = basis
            solve(getattr(network, NODES[f"relu{name}"]), known, F.conv2d(x, basis[:, :, None, None]), sample)


def _rows(maps: Tensor, sample: int) -> Tensor:
    rows = maps.permute(0, 2, 3, 1).reshape(-1, maps.shape[1])
    return rows[:: max(1, len(rows) // sample)]


def _moments(rows: Tensor) -> Tensor:
    return (rows.T @ rows / len(rows)).double()


def pivots(moments: Tensor, count: int) -> list[int]:
    """Return the channels that explain most of the second moments, one after another: (C, C) -> `count` of C."""
    rest, chosen = moments.clone(), []
    floor = 1e-9 * moments.trace() / len(moments)
    for _ in range(count):
        gain = rest.square().sum(0) / rest.diagonal().clamp_min(floor)
        gain[chosen] = -1
        best = int(gain.argmax())
        chosen.append(best)
        rest = rest - torch.outer(rest[:, best], rest[best]) / rest[best, best].clamp_min(floor)
    return chosen


def solve(module: nn.Module, known: Tensor, wanted: Tensor, sample: int) -> None:
    """Fill a convolution, or a pair of low rank, with the least-squares solution from maps to maps of the same size."""
    first = module[0] if isinstance(module, nn.Sequential) else module
    size = first.kernel_size[0]
    generator = torch.Generator().manual_seed(0)
    height, width = known.shape[-2:]
    each = min(height * width, -(-sample // len(known)))
    left, right = [], []
    for maps, target in zip(known, wanted, strict=True):
        picked = torch.randperm(height * width, generator=generator)[:each]
        left.append(F.unfold(maps[None], size, padding=size // 2)[0][:, picked])  # (C * size * size, each)
        right.append(target.flatten(1)[:, picked])
    x = torch.cat(left, 1).double()
    x = torch.cat([x, torch.ones_like(x[:1])])
    y = torch.cat(right, 1).double()
    normal = x @ x.T
    normal.diagonal()[:-1] += RIDGE * normal.diagonal()[:-1].mean()
    weight = torch.linalg.solve(normal, x @ y.T).T  # (wanted, C * size * size + 1)
    plain, bias = weight[:, :-1], weight[:, -1]
    if module is first:
        first.weight.copy_(plain.view_as(first.weight))
    else:
        seen = plain @ x[:-1]
        seen = seen - seen.mean(1, keepdim=True)
        _, vectors = torch.linalg.eigh(seen @ seen.T)
        basis = vectors.flip(1)[:, :RANK]
        first.weight.copy_((basis.T @ plain).view_as(first.weight))
        module[1].weight.copy_(basis[:, :, None, None])
        bias = (y - basis @ (basis.T @ plain) @ x[:-1]).mean(1)
    (first if module is first else module[1]).bias.copy_(bias)


def missed(student: nn.Module, teacher: Teacher, images: Tensor) -> dict[str, float]:
    """Return layer -> squared error over the variance of the teacher's features, with what lies outside the bases."""
    with torch.no_grad():
        full, seen = teacher.full(images), student(images)
        out = {}
        for name, basis in teacher.bases.items():
            inside = F.conv2d(full[name], basis[:, :, None, None])
            total = full[name].square().sum() - inside.square().sum() + (seen[name] - inside).square().sum()
            variance = (full[name] - full[name].mean((0, 2, 3), keepdim=True)).square().sum()
            out[name] = (total / variance).item()
    return out


def agreement(student: nn.Module, teacher: Teacher, images: Tensor, styles: Tensor) -> dict[str, float]:
    """Return layer -> mean cosine of the student's and teacher's gradients of the style loss by the image."""
    sums = dict.fromkeys(STYLE, 0.0)
    for image, style in zip(images.split(1), styles.split(1), strict=True):
        found = {}
        for kind, network in (("full", teacher.full), ("small", student)):
            x = image.clone().requires_grad_()
            with torch.no_grad():
                wanted = {k: gram(v[0]) for k, v in network(style).items() if k in STYLE}
            seen = network(x)
            for k in STYLE:
                loss = (gram(seen[k][0]) - wanted[k]).square().sum() / wanted[k].square().sum()
                (found[kind, k],) = torch.autograd.grad(loss, x, retain_graph=True)
        for k in STYLE:
            sums[k] += F.cosine_similarity(found["full", k].flatten(), found["small", k].flatten(), dim=0).item()
    return {k: v / len(images) for k, v in sums.items()}
