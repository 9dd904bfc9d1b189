"""Whether an image is cut into tiles, and into which: as asked for, or by the memory that it needs and that is free."""

import logging
from collections.abc import Mapping
from functools import cached_property

import torch
from torch import Tensor

from nst.backbones.base import Backbone
from nst.data import image_io
from nst.losses.base import Term
from nst.tiling.memory import free_memory
from nst.tiling.receptive_field import NotLocalError, geometry
from nst.tiling.tiles import verify
from nst.tiling.windows import Tiling, Window, tiling
from nst.utils.distributed import SINGLE_PROCESS, Ranks

log = logging.getLogger("nst")
EDGES = (1024, 768, 512, 384, 256, 192, 128)
"""Edges of the tiles that `auto` tries, pixels: larger ones are no faster, smaller ones are mostly halo."""
USABLE = 0.8  # fraction of the free memory that an image may take
REPORTED = 0.1  # fraction of the free memory below which the estimate is logged at DEBUG only
IMAGES = 40.0  # images kept beside the features where the optimiser is not known: with L-BFGS
BANDS = 4 / 3  # values of a Laplacian pyramid, of its image's
SAVED, LARGEST = 1.5, 7.0
"""Peak memory of a step = SAVED x what it saves for backward + LARGEST x the largest map of that, for gradients and
intermediate results. Fitted at 1536 x 1536 in float32 to ResNet-50 and Inception. The prediction exceeds what was
measured by 2 % for VGG-19, 8 % for SqueezeNet and 60 % for the wavelets."""
WORKING = {"image": 1.0, "input": 3.0, "laplacian": 6.0}
"""`method.space` -> images between the parameter and the network, with their gradients. With Adam, in tiles of 256 at
3072 x 3072 on a processor, 5.0 images were in memory where these numbers say 6.0 (`image`), 11.3 where they say 12.7
(`laplacian`); 2026-11-27."""
SMALLEST = 16  # pixels; a smaller tile would be all halo


def check_cut(cut: str | int) -> None:
    """Refuse what is not a choice of tiles."""
    if cut in ("auto", "none") or (isinstance(cut, int) and not isinstance(cut, bool) and cut >= SMALLEST):
        return
    raise ValueError(f"tiles is {cut!r}; give auto, none, or the edge of a tile in pixels, {SMALLEST} or more")


def images_kept(*, states: float, space: str) -> float:
    """Return how many images are in memory beside the features while one is optimised.

    These are the parameter, its gradient, its average and what the optimiser keeps, all of the parameter's size, and
    the images between the parameter and the network.

    Args:
        states: What the optimiser keeps of the parameter's size: 2 for Adam, twice its history and 6 for L-BFGS.
        space: `method.space`.
    """
    return (3 + states) * (BANDS if space == "laplacian" else 1) + WORKING[space]


class Plan:
    """How images are cut for a backbone and terms.

    Args:
        cut: `none`, `auto`, or the tiles' edge, pixels.
        backbone: Gives the layers.
        terms: Name -> term.
        images: How many images are in memory beside the features; see `images_kept`.

    Raises:
        ValueError: `cut` is none of these, or it is an edge and a term is not a sum over positions.
    """

    def __init__(self, cut: str | int, backbone: Backbone, terms: Mapping[str, Term], images: float = IMAGES) -> None:
        check_cut(cut)
        self.cut = cut
        self.backbone = backbone
        self.terms = terms
        self.images = images
        self.whole = [name for name, term in terms.items() if not term.additive]
        self.chosen: dict[tuple[tuple[int, int], int], list[Window] | None] = {}
        if isinstance(cut, int) and self.whole:
            name = self.whole[0]
            raise ValueError(
                f"tiles={cut} can't be used with the term {name} ({type(terms[name]).__name__}): it is not a sum over "
                f"positions; give tiles=none, weights.{name}=0, or another loss="
            )

    @cached_property
    def tiling(self) -> Tiling:
        """The tiling for the layers in use, found by trial.

        Raises:
            ValueError: A layer in use does not see a neighbourhood only.
        """
        try:
            found = tiling(geometry(self.backbone), self.terms.values(), self.backbone.smallest)
            verify(self.backbone, found)
        except NotLocalError as error:
            raise ValueError(f"{error}, so the picture can't be cut; give tiles=none or other layers") from None
        return found

    def windows(self, image: Tensor, ranks: Ranks = SINGLE_PROCESS) -> list[Window] | None:
        """Return the tiles of an image (1, 3, H, W), or None where it stays whole.

        Args:
            image: Only its size and device matter.
            ranks: This process among those that work on the picture; all of them must call.
        """
        key = image_io.size_of(image), ranks.world_size
        if key not in self.chosen:
            self.chosen[key] = self._windows(key[0], image.device, ranks)
        return self.chosen[key]

    def _windows(self, size: tuple[int, int], device: torch.device, ranks: Ranks) -> list[Window] | None:
        if ranks.world_size > 1 and (why := "tiles=none" if self.cut == "none" else self._indivisible()):
            log.warning("warning: %d processes, but each paints the whole picture: %s", ranks.world_size, why)
            return None
        if self.cut == "none":
            return None
        edge = self.cut if isinstance(self.cut, int) else self._edge(size, device, ranks.world_size)
        if ranks.world_size > 1:
            most = max(SMALLEST, -(-max(size) // ranks.world_size))  # a tile for every process
            edge = ranks.broadcast(min(edge or most, most), device)
        return None if edge is None else self.tiling.windows(size, edge)

    def _edge(self, size: tuple[int, int], device: torch.device, world: int) -> int | None:
        """The edge of the tiles that `auto` chooses, or None for the whole image; logged with the reason."""
        pixels = size[0] * size[1]
        free = free_memory(device)
        free = free // world if free is not None and device.type == "cpu" else free  # they may share a machine
        need = self.predicted(pixels, pixels)
        if free is None:
            return None
        what = f"{size[1]} x {size[0]} px would take about {need / 1e9:.1f} GB, and {free / 1e9:.1f} GB are free"
        if need <= USABLE * free:
            log.log(logging.INFO if need > REPORTED * free else logging.DEBUG, "tiles: none: %s", what)
            return None
        if why := self._indivisible():
            log.warning("warning: tiles: none: %s; it may not fit, but %s", what, why)
            return None
        halo = max(sum(pair) for pair in self.tiling.halo)
        fits = (edge for edge in EDGES if self.predicted(pixels, (edge + halo) ** 2) <= USABLE * free)
        edge = next(fits, None)
        if edge is None:
            least = self.predicted(pixels, (EDGES[-1] + halo) ** 2) / 1e9
            log.warning(
                "warning: tiles: %s; cut into the smallest tiles of %d px it would still take about %.1f GB, and may "
                "not fit: give a smaller size=, optimizer=adam, or method.space=image",
                what, EDGES[-1], least,
            )  # fmt: skip
            return EDGES[-1]
        log.info("tiles: %s: cut into tiles of %d px, a halo of up to %d px beside them", what, edge, halo)
        return edge

    def _indivisible(self) -> str | None:
        """Return why no image can be cut, or None."""
        if self.whole:
            return f"the term {self.whole[0]} can't be cut"
        try:
            _ = self.tiling
        except ValueError as error:
            return str(error)
        return None

    def predicted(self, pixels: int, at_once: int) -> int:
        """Return the peak memory of a step, bytes.

        Args:
            pixels: Of the image.
            at_once: Pixels whose features are in memory at the same time: those of the image, or of a tile.
        """
        saved, largest = self.per_pixel
        return round(pixels * 3 * 4 * self.images + at_once * (SAVED * saved + LARGEST * largest))

    @cached_property
    def per_pixel(self) -> tuple[float, float]:
        """Bytes that the features save for backward, and the largest map of that, per pixel, from a small image."""
        edge = max(96, self.backbone.smallest)
        kept: dict[int, int] = {}

        def note(value: Tensor) -> Tensor:
            kept[value.untyped_storage().data_ptr()] = value.untyped_storage().nbytes()
            return value.detach()  # an output with its history would keep itself: memory that is never freed

        tensors = [*self.backbone.parameters(), *self.backbone.buffers()]
        like = next(value for value in tensors if value.is_floating_point())  # a mean may be an integer
        image = torch.zeros(1, 3, edge, edge, device=like.device, dtype=like.dtype, requires_grad=True)
        own = {value.untyped_storage().data_ptr() for value in tensors}
        with torch.enable_grad(), torch.autograd.graph.saved_tensors_hooks(note, lambda value: value):
            features = self.backbone(image)
        kept |= {v.untyped_storage().data_ptr(): v.untyped_storage().nbytes() for v in features.values()}
        sizes = [size / edge**2 for address, size in kept.items() if address not in own]
        return sum(sizes), max(sizes)
