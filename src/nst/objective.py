"""The objective: a frozen backbone, and weighted losses over its layers."""

import copy
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

import torch
from torch import Tensor, nn

from nst.backbones.base import Backbone
from nst.data import image_io, masks
from nst.data.flatness import CONTRAST, FLAT, flatness, with_clouds, with_grain
from nst.losses.base import Stats, Term, divisor_key
from nst.losses.content import Content
from nst.tiling import memmap, tiles
from nst.tiling.memmap import Paged
from nst.tiling.plan import IMAGES, Plan
from nst.tiling.windows import Window
from nst.utils.distributed import SINGLE_PROCESS, Ranks


@dataclass(frozen=True)
class Target:
    """A style picture that references are taken from.

    Attributes:
        image: [0, 1] RGB, (1, 3, H, W).
        weight: Its weight among the styles of its region; they are normalised to sum to 1.
        mask: Its region of the generated image, (1, 1, H', W') of that image's size; None for everywhere.
        name: What it is called in errors.
        alpha: Opacity of `image`, (1, 1, H, W); None for opaque. What is transparent has no say in the references.
    """

    image: Tensor
    weight: float = 1.0
    mask: Tensor | None = None
    name: str = "style"
    alpha: Tensor | None = None


@dataclass(frozen=True)
class Earlier:
    """An earlier picture of a film.

    Attributes:
        image: Moved to where things are in the generated image, [0, 1] RGB, (1, 3, H, W) of its size.
        weight: Where that can be trusted, (1, 1, H, W) in [0, 1].
    """

    image: Tensor
    weight: Tensor


@dataclass(frozen=True)
class RegionReference:
    """What one loss compares one region of the generated image with.

    Attributes:
        stats: Layer -> what the loss keeps of the target pictures, except for `maps`.
        maps: Layer -> what it keeps that has the layer's height and width; if the image is tiled, in a file.
        mask: Layer -> weights of the positions, (1, 1, h, w) in [0, 1]; None for the whole image.
        area: Fraction of the image that the region covers, in [0, 1].
    """

    stats: Stats
    maps: Mapping[str, Tensor | Paged] = field(default_factory=dict)
    mask: Stats | None = None
    area: float = 1.0

    @classmethod
    def of_whole_image(
        cls, term: Term, stats: Stats, *, tiled: bool, visible: Stats | None = None
    ) -> "RegionReference":
        """Return the reference of a loss that compares all that is visible with what it keeps of one picture."""
        maps = {name: value for name, value in stats.items() if term.spatial and name in term.layers}
        rest = {name: value for name, value in stats.items() if name not in maps}
        return cls(rest, memmap.page(maps) if tiled else maps, visible)

    def all_stats(self) -> Stats:
        """Return `stats` and the whole `maps` as one."""
        return self.stats | {name: memmap.part(value, slice(None), slice(None)) for name, value in self.maps.items()}


References = dict[str, list[RegionReference]]
"""Name of a loss -> its references, one for each region."""

NamedTerms = Sequence[tuple[str, Term]]


class Objective(nn.Module):
    """A frozen backbone, and weighted losses (terms) over its layers.

    `L = sum_t w_t sum_l L_tl` with `L_tl = sum_r a_r score_tl(sum_p m_rlp measure_t(f_lp))`: the terms t with weights
    w_t, their layers l, the regions r that cover a fraction a_r of the image, the positions p with the features f_lp,
    and the region's mask m_rl. Where the sums over positions are too large for the memory, they are taken tile by tile.

    Args:
        backbone: Gives the features of every layer that a term reads.
        terms: Name -> term.
        cut: Whether images are cut into tiles: `none`, `auto` or the edge of a tile, pixels.
        images: How many images are in memory beside the features, for `auto`; see `tiling.plan.images_kept`.
        from_edge: Layer -> least shorter edge of a picture, pixels, for which terms have it; see `for_edge`.

    Raises:
        ValueError: An edge is given, but a term is not a sum over positions.
    """

    def __init__(
        self,
        *,
        backbone: Backbone,
        terms: Mapping[str, Term],
        cut: str | int = "none",
        images: float = IMAGES,
        from_edge: Mapping[str, int] | None = None,
    ) -> None:
        super().__init__()
        self.from_edge = dict(from_edge or {})
        self.smaller: dict[frozenset[str], Self] = {}
        self.backbone = backbone
        self.terms = nn.ModuleDict(terms)
        self.plan = Plan(cut, backbone, terms, images)

    @property
    def smallest(self) -> int:
        """The shorter edge that a picture and its styles must have, pixels."""
        return self.backbone.smallest

    def for_edge(self, edge: int) -> Self:
        """Return the objective without the layers that only larger pictures have.

        Args:
            edge: The picture's shorter edge, pixels.

        Raises:
            ValueError: A term is left without a layer.
        """
        out = frozenset(layer for layer, least in self.from_edge.items() if edge < least)
        if not out:
            return self
        if out not in self.smaller:
            self.smaller[out] = self._without(out, edge)
        return self.smaller[out]

    def _without(self, out: Collection[str], edge: int) -> Self:
        twin = copy.copy(self)
        twin._modules, twin.smaller = dict(self._modules), {}
        twin.from_edge = {layer: least for layer, least in self.from_edge.items() if layer not in out}
        twin.backbone = self.backbone.only([layer for layer in self.backbone.layers if layer not in out])
        twin.terms = nn.ModuleDict({name: term.without(out) for name, term in self.named()})
        if empty := next((name for name, term in twin.named() if not term.layers), None):
            least = min(self.from_edge.values())
            raise ValueError(
                f"layers.{empty} has none for a shorter edge of {edge} px, but from {least} px on; "
                f"give a larger size= or more layers"
            )
        twin.plan = Plan(self.plan.cut, twin.backbone, dict(twin.named()), self.plan.images)
        return twin

    def train(self, mode: bool = True) -> "Objective":
        """Stay in evaluation mode: nothing here is trained."""
        return super().train(False)

    def named(self) -> list[tuple[str, Term]]:
        """Return the terms with their names."""
        return [(name, term) for name, term in self.terms.items() if isinstance(term, Term)]

    def set_sampling_step(self, step: int) -> None:
        """Set the seed of the losses that sample positions, so that each step compares other positions."""
        for _, term in self.named():
            term.sampling_step = step

    def forward(self, image: Tensor, references: References, ranks: Ranks = SINGLE_PROCESS) -> dict[str, Stats]:
        """Return term -> layer -> L_tl, a scalar.

        Args:
            image: [0, 1] RGB, (1, 3, H, W).
            references: What `references` returned for a content of this size.
            ranks: This process among those that work on the image; each measures its own tiles.
        """
        measured = self._measure(image, self.named(), references, self.plan.windows(image, ranks), ranks)
        return {name: _score(term, measured[name], references[name]) for name, term in self.named()}

    def total(self, layer_losses: Mapping[str, Stats], gains: Mapping[str, float] | None = None) -> Tensor:
        """Return the total loss, `sum_t g_t w_t sum_l L_tl`, a scalar.

        Args:
            layer_losses: Term -> layer -> L_tl, from `forward`.
            gains: Term -> factor g_t; 1 for terms that are not named.
        """
        weights = {name: term.weight * (gains or {}).get(name, 1.0) for name, term in self.named()}
        terms = {name: sum_of(list(losses.values())) for name, losses in layer_losses.items() if losses}
        return sum_of([terms[k] if w == 1 else w * terms[k] for k, w in weights.items() if k in terms])

    @torch.no_grad()
    def references(
        self,
        content: Tensor,
        styles: Sequence[Target],
        ranks: Ranks = SINGLE_PROCESS,
        *,
        alpha: Tensor | None = None,
        earlier: Sequence[Earlier] = (),
    ) -> References:
        """Return what the terms compare an image of the content's size with.

        Args:
            content: [0, 1] RGB, (1, 3, H, W).
            styles: One or more. Those with the same mask are mixed, by their weights, into one region's reference.
            ranks: This process among those that work on the image; each computes all references, with the same tiles.
            alpha: Opacity of the content, (1, 1, H, W); None for opaque. Where it is transparent no loss looks at the
                image.
            earlier: Earlier pictures, for terms of films.

        Raises:
            ValueError: The weights of a region's styles sum to 0, or a region is smaller than one position of a layer.
        """
        windows = self.plan.windows(content, ranks)
        features, sizes = self._content_features(content, windows)
        visible = None if alpha is None else masks.follow(alpha, sizes)
        lack = flatness(content, alpha)
        grained = self._content_features(with_clouds(content, lack * CONTRAST), windows)[0] if lack else None
        out: References = {name: [] for name, _ in self.named()}
        for name, term in self.named():
            if term.of == "earlier":
                for one in earlier:
                    past, where = term.reference({"image": one.image}), {"image": one.weight}
                    whole = RegionReference.of_whole_image(term, past, tiled=windows is not None, visible=where)
                    out[name].append(whole)
            elif term.of != "style":
                stats = term.reference(features, visible) if term.of == "content" else {}
                if grained is not None and term.of == "content":
                    stats |= largest_divisors(stats, term.reference(grained, visible))
                if self.backbone.comparable and isinstance(term, Content):
                    stats |= term.levelled(stats)
                whole = RegionReference.of_whole_image(term, stats, tiled=windows is not None, visible=visible)
                out[name].append(whole)
        del features  # by now their maps may lie in files
        style_terms = [(name, term) for name, term in self.named() if term.of == "style"]
        for region, members in _regions(styles):
            mask = alpha if region is None else region if alpha is None else region * alpha
            names = ", ".join(style.name for style in members)
            weight = sum(style.weight for style in members)
            if weight <= 0:
                raise ValueError(f"the weights of the styles {names} sum to {weight:g}; give one of them more than 0")
            members = [style for style in members if style.weight > 0]
            layer_masks = None if mask is None else masks.follow(mask, sizes)
            _check_area(layer_masks, names, image_io.size_of(content))
            kept = [self._style_stats(style, style_terms, ranks) for style in members]
            for name, term in style_terms:
                stats = term.mix([one[name] for one in kept], [style.weight / weight for style in members])
                area = (
                    1.0
                    if region is None or mask is None
                    else mask.mean().item() / (1 if alpha is None else alpha.mean().item())
                )
                out[name].append(RegionReference(term.prepare(stats), mask=layer_masks, area=area))
        return out

    def _content_features(
        self, content: Tensor, windows: Sequence[Window] | None
    ) -> tuple[Stats, dict[str, tuple[int, int]]]:
        """Layer -> the content's features, if tiled only of layers that terms keep; layer -> (height, width)."""
        if windows is None:
            features = self.backbone(content)
            return features, _sizes(features)
        kept = {layer for _, term in self.named() if term.of == "content" for layer in term.layers}
        geometry = self.plan.tiling.geometry
        maps = tiles.maps(self.backbone, content, windows, geometry, kept)
        return maps, tiles.sizes(self.backbone, content, windows, geometry)

    def _style_stats(self, style: Target, terms: NamedTerms, ranks: Ranks) -> dict[str, Stats]:
        """Term -> what it keeps of one style picture."""
        alpha = style.alpha
        lack = flatness(style.image, alpha)
        image = with_grain(style.image, lack * FLAT) if lack else style.image
        windows = self.plan.windows(image, ranks)
        if windows is None:
            features = self.backbone(image)
            mask = None if alpha is None else masks.follow(alpha, _sizes(features))
            return {name: term.reference(features, mask) for name, term in terms}
        mask = (
            None
            if alpha is None
            else masks.follow(alpha, tiles.sizes(self.backbone, image, windows, self.plan.tiling.geometry))
        )
        nothing: References = {name: [RegionReference({}, mask=mask)] for name, _ in terms}
        measured = self._measure(image, terms, nothing, windows, SINGLE_PROCESS)
        return {name: stats for name, (stats,) in measured.items()}

    def _measure(
        self, image: Tensor, terms: NamedTerms, references: References, windows: Sequence[Window] | None, ranks: Ranks
    ) -> dict[str, list[Stats]]:
        """Term -> for each of its references, layer -> what is measured, summed over tiles and processes."""
        if windows is None:
            features = self.backbone(image)
            return {k: [term.measure(features, r.all_stats(), r.mask) for r in references[k]] for k, term in terms}
        geometry = self.plan.tiling.geometry
        pairs = [(name, term, reference) for name, term in terms for reference in references[name]]

        def measure(crop: Tensor, window: Window) -> list[Tensor]:
            features, out = self.backbone(crop), []
            for _, term, r in pairs:
                stats = term.measure(*tiles.crop(term, window, geometry, features, r.stats, r.maps, r.mask))
                out += [stats[layer] for layer in term.layers]
            return out

        own = ranks.own(windows)
        sums: Sequence[Tensor] = tiles.total(image, own or windows[:1], measure)
        sums = ranks.sum(sums if own else [0 * value for value in sums])  # there may be fewer tiles than processes
        values = iter(sums)
        measured: dict[str, list[Stats]] = {name: [] for name, _ in terms}
        for name, term, _ in pairs:
            measured[name].append({layer: next(values) for layer in term.layers})
        return measured


def sum_of(scalars: Sequence[Tensor]) -> Tensor:
    """Return the sum of scalars, by as few operators as there can be."""
    if len(scalars) < 3:
        return scalars[0] if len(scalars) == 1 else scalars[0] + scalars[1]
    return torch.stack(list(scalars)).sum()


def largest_divisors(stats: Stats, others: Stats) -> Stats:
    """Return the larger one of each divisor that a loss keeps of two pictures."""
    keys = [key for key in stats if key.endswith(divisor_key(""))]
    return {key: torch.maximum(stats[key], others[key]) for key in keys}


def _sizes(features: Stats) -> dict[str, tuple[int, int]]:
    """Layer -> (height, width) of its features."""
    return {name: image_io.size_of(value) for name, value in features.items()}


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


def _check_area(layer_masks: Stats | None, names: str, size: tuple[int, int]) -> None:
    """Raise a ValueError if a region covers less than one position of a layer."""
    for layer, weights in (layer_masks or {}).items():
        if (area := weights.sum().item()) < 1:
            raise ValueError(
                f"the region of style {names} covers {area:.2g} of one feature of layer {layer} at {size[1]} x "
                f"{size[0]} px; paint a larger mask, or give a larger size=, fewer pyramid.levels= or shallower layers"
            )


def _score(term: Term, measured: Sequence[Stats], references: Sequence[RegionReference]) -> Stats:
    """Layer -> sum over regions of the region's area times its loss."""
    out: Stats = {}
    for total, reference in zip(measured, references, strict=True):
        losses = term.score(total, reference.stats)
        if reference.area != 1:
            losses = {layer: reference.area * loss for layer, loss in losses.items()}
        out = {layer: out[layer] + loss for layer, loss in losses.items()} if out else losses
    return out
