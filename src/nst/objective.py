"""Terms over a frozen backbone: from images to one unweighted scalar per term, and each layer's share."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from nst.backbones.base import Backbone
from nst.data import image_io, masks
from nst.losses.base import Stats, Term
from nst.tiling import memmap, tiles
from nst.tiling.memmap import Paged
from nst.tiling.plan import Plan
from nst.tiling.windows import Window
from nst.utils.distributed import SINGLE_PROCESS, Ranks


@dataclass(frozen=True)
class Target:
    """A picture to take references from.

    Attributes:
        image: [0, 1] RGB, (1, 3, H, W).
        weight: Its share among the pictures of its region; they are normalised to sum 1.
        mask: Where in the generated picture it is aimed at, (1, 1, H', W') of that one's size; None for everywhere.
        name: What it is called.
    """

    image: Tensor
    weight: float = 1.0
    mask: Tensor | None = None
    name: str = "style"


@dataclass(frozen=True)
class Part:
    """What a term aims at in one region of the generated picture.

    Attributes:
        stats: Layer -> what is kept of the target pictures.
        maps: Layer -> the part of it that is as large as the layer, and not in `stats`.
        mask: Layer -> weights of the positions, (1, 1, h, w); None for the whole picture.
        share: Of the picture that the region is, in [0, 1]; it weighs the region's loss.
    """

    stats: Stats
    maps: Mapping[str, Tensor | Paged] = field(default_factory=dict)
    mask: Stats | None = None
    share: float = 1.0

    @classmethod
    def of(cls, term: Term, stats: Stats, *, cut: bool) -> "Part":
        """Return what a term keeps of the whole picture; where that is cut, with its maps in files."""
        maps = {name: value for name, value in stats.items() if term.spatial and name in term.layers}
        rest = {name: value for name, value in stats.items() if name not in maps}
        return cls(rest, memmap.page(maps) if cut else maps)

    def whole(self) -> Stats:
        """Return the stats and the maps, whole."""
        return self.stats | {name: memmap.part(value, slice(None), slice(None)) for name, value in self.maps.items()}


References = dict[str, list[Part]]
"""Term -> its aims, one for each region."""


class Objective(nn.Module):
    """A frozen backbone and weighted terms.

    Args:
        backbone: Gives every layer that a term reads.
        terms: Name -> term.
        cut: Whether pictures are cut into tiles: `none`, `auto`, or the tiles' edge, pixels.

    Raises:
        ValueError: Tiles are wanted with a term that is no sum over positions.
    """

    def __init__(self, *, backbone: Backbone, terms: Mapping[str, Term], cut: str | int = "none") -> None:
        super().__init__()
        self.backbone = backbone
        self.terms = nn.ModuleDict(terms)
        self.plan = Plan(cut, backbone, terms)

    def train(self, mode: bool = True) -> "Objective":
        """Stay in evaluation mode: nothing here is trained."""
        return super().train(False)

    @torch.no_grad()
    def references(self, content: Tensor, styles: Sequence[Target], ranks: Ranks = SINGLE_PROCESS) -> References:
        """Return what the terms keep of the content (1, 3, H, W) and, region by region, of the styles mixed there.

        Args:
            content: [0, 1] RGB.
            styles: One or more.
            ranks: This process among those that work on the picture; each computes all references, with the same tiles.

        Raises:
            ValueError: The styles of a region have no weight, or a region is smaller than one feature.
        """
        out: References = {name: [] for name, _ in self.named()}
        terms = [(name, term) for name, term in self.named() if term.of == "style"]
        windows = self.plan.windows(content, ranks)
        features, sizes = self._content(content, windows)
        for name, term in self.named():
            if term.of != "style":
                stats = term.reference(features) if term.of == "content" else {}
                out[name] = [Part.of(term, stats, cut=windows is not None)]
        del features  # what is kept of them may lie in files
        for mask, members in _regions(styles):
            names = ", ".join(style.name for style in members)
            weight = sum(style.weight for style in members)
            if weight <= 0:
                raise ValueError(f"the weights of the styles {names} sum to {weight:g}; give one of them more than 0")
            counted = [style for style in members if style.weight > 0]
            kept = self._kept(counted, terms, ranks)
            followed = None if mask is None else _checked(masks.follow(mask, sizes), names, image_io.size_of(content))
            for name, term in terms:
                stats = term.mix([one[name] for one in kept], [style.weight / weight for style in counted])
                out[name].append(Part(stats, mask=followed, share=1.0 if mask is None else mask.mean().item()))
        return out

    def _content(self, content: Tensor, windows: Sequence[Window] | None) -> tuple[Stats, dict[str, tuple[int, int]]]:
        """The layers that terms keep of the content, and the sizes of all."""
        if windows is None:
            features = self.backbone(content)
            return features, {name: image_io.size_of(value) for name, value in features.items()}
        spatial = {layer for _, term in self.named() if term.of == "content" for layer in term.layers}
        geometry = self.plan.tiling.geometry
        maps = tiles.maps(self.backbone, content, windows, geometry, spatial)
        return maps, tiles.sizes(self.backbone, content, windows, geometry)

    def _kept(
        self, styles: Sequence[Target], terms: Sequence[tuple[str, Term]], ranks: Ranks
    ) -> list[dict[str, Stats]]:
        out = []
        for style in styles:
            windows = self.plan.windows(style.image, ranks)
            if windows is None:
                features = self.backbone(style.image)
                out.append({name: term.reference(features) for name, term in terms})
            else:
                empty: References = {name: [Part({})] for name, _ in terms}
                measured = self._tiled(style.image, windows, terms, empty)
                out.append({name: parts[0] for name, parts in measured.items()})
        return out

    def named(self) -> list[tuple[str, Term]]:
        """Return (name, term) pairs."""
        return [(name, term) for name, term in self.terms.items() if isinstance(term, Term)]

    def set_sampling_step(self, step: int) -> None:
        """Set the seed of the losses that sample positions: each step then compares other positions."""
        for _, term in self.named():
            term.sampling_step = step

    def forward(self, image: Tensor, references: References, ranks: Ranks = SINGLE_PROCESS) -> dict[str, Stats]:
        """Return term -> layer -> the layer's share of the term, a scalar without the term's weight.

        Args:
            image: [0, 1] RGB, (1, 3, H, W).
            references: As `references` gives them, for an image of this size.
            ranks: This process among those that work on the picture; each measures its own tiles.
        """
        windows = self.plan.windows(image, ranks)
        if windows is None:
            features = self.backbone(image)
            measured = {k: [t.measure(features, p.whole(), p.mask) for p in references[k]] for k, t in self.named()}
        else:
            measured = self._tiled(image, windows, self.named(), references, ranks)
        return {name: _sum(_scores(term, measured[name], references[name])) for name, term in self.named()}

    def _tiled(
        self,
        image: Tensor,
        windows: Sequence[Window],
        terms: Sequence[tuple[str, Term]],
        references: References,
        ranks: Ranks = SINGLE_PROCESS,
    ) -> dict[str, list[Stats]]:
        """Term -> what is measured for each of its parts, summed over tiles and processes."""
        geometry, names = self.plan.tiling.geometry, []
        for name, term in terms:
            names += [(name, i, layer) for i in range(len(references[name])) for layer in term.layers]

        def measure(crop: Tensor, window: Window) -> list[Tensor]:
            features, out = self.backbone(crop), []
            for name, term in terms:
                for one in references[name]:
                    own = tiles.crop(term, window, geometry, features, one.stats, one.maps, one.mask)
                    stats = term.measure(*own)
                    out += [stats[layer] for layer in term.layers]
            return out

        own = ranks.own(windows)
        sums: Sequence[Tensor] = tiles.total(image, own or windows[:1], measure)
        sums = ranks.sum(sums if own else [0 * value for value in sums])  # a small picture has few tiles
        measured: dict[str, list[Stats]] = {name: [{} for _ in references[name]] for name, _ in terms}
        for (name, i, layer), value in zip(names, sums, strict=True):
            measured[name][i][layer] = value
        return measured

    def total(self, shares: Mapping[str, Stats], gains: Mapping[str, float] | None = None) -> Tensor:
        """Return the weighted sum of the terms, a scalar.

        Args:
            shares: As `forward` gives them.
            gains: Term -> factor of its weight; 1 for those that are not named.
        """
        weights = {name: term.weight * (gains or {}).get(name, 1.0) for name, term in self.named()}
        return torch.stack([w * torch.stack(list(shares[k].values())).sum() for k, w in weights.items()]).sum()


def _regions(styles: Sequence[Target]) -> list[tuple[Tensor | None, list[Target]]]:
    """Group the styles that have the same mask."""
    out: list[tuple[Tensor | None, list[Target]]] = []
    for style in styles:
        for mask, members in out:
            same = mask is style.mask or (mask is not None and style.mask is not None and torch.equal(mask, style.mask))
            if same:
                members.append(style)
                break
        else:
            out.append((style.mask, [style]))
    return out


def _checked(mask: Stats, names: str, size: tuple[int, int]) -> Stats:
    for layer, weights in mask.items():
        if (area := weights.sum().item()) < 1:
            raise ValueError(
                f"the region of style {names} covers {area:.2g} of one feature of layer {layer} at {size[1]} x "
                f"{size[0]} px; paint a larger mask, or give a larger size=, fewer pyramid.levels= or shallower layers"
            )
    return mask


def _scores(term: Term, measured: Sequence[Stats], parts: Sequence[Part]) -> Iterable[Stats]:
    for total, one in zip(measured, parts, strict=True):
        yield {layer: one.share * score for layer, score in term.score(total, one.stats).items()}


def _sum(parts: Iterable[Stats]) -> Stats:
    out: Stats = {}
    for part in parts:
        out = {layer: out[layer] + score for layer, score in part.items()} if out else part
    return out
