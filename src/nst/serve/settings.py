"""What a visitor has chosen on the page, checked, and as the words of a command."""

import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from nst.config.words import words
from nst.serve import offered
from nst.serve.limits import Limits, RefusedError

COLOURS = {"painting": {}, "photograph": {"color": "keep_luminance"}, "palette": {"color": "match"}}
"""Whose colours the picture has -> options."""
Id = Annotated[str, Field(pattern=r"^[a-z0-9_-]{1,64}$")]
Weight = Annotated[float, Field(ge=0, le=1e9)]
Find = Callable[[str, str], Path]
"""Kind (`picture`, `mask`) and name of an upload -> its file, which is the visitor's own; else a RefusedError."""
FINEST_GRID = 160
"""Longest edge of a grid's pictures, pixels."""
GRID_STEPS = 32
SLIDERS = {"balance": (2.0, 6.0), "strokes": (1.0, 3.0)}
"""Sliders that a grid can vary -> the step between two of its pictures, and the slider's end."""


class _Checked(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class StyleChoice(_Checked):
    """One style: a name that the page offers, or an upload; its share in the mix; where it is painted."""

    name: Id | None = None
    picture: Id | None = None
    share: float = Field(1.0, gt=0, le=100)
    mask: Id | None = None


class State(_Checked):
    """A state of an earlier run that a new one starts from."""

    run: Id
    file: str = Field(pattern=r"^(state_\d{5}|final|partial)\.png$")


class Weights(_Checked):
    """Weights of the terms, where the sliders are not enough."""

    content: Weight | None = None
    style: Weight | None = None
    tv: Weight | None = None


@dataclass(frozen=True)
class First:
    """What a network that comes with nst paints in one pass, while the optimisation has not begun.

    Attributes:
        photograph: The file.
        styles: Style, a name or a file -> its share.
        masks: Where each is painted; None: where the others are not.
        keep: What stays as it is.
        size: Longest edge, pixels.
        stroke: Size of the strokes, from 0.5 to 2.
        keep_color: Whether the photograph's colours are kept.
    """

    photograph: Path
    styles: dict[str, float]
    masks: list[Path | None]
    keep: Path | None
    size: int
    stroke: float
    keep_color: bool

    def mix(self) -> str:
        """The styles as `nst stylize` reads them."""
        return ",".join(f"{name}:{share:g}" for name, share in self.styles.items())

    def command(self) -> str | None:
        """The command that paints it; None where a brush was used, whose masks are no files."""
        if self.keep or any(self.masks):
            return None
        words = [f"content={self.photograph}", f"style={self.mix()}", f"size={self.size}"]
        words += [f"stroke={self.stroke:g}"] if self.stroke != 1 else []
        return shlex.join(["nst", "stylize", *words, *(["keep_color=true"] if self.keep_color else [])])


class Settings(_Checked):
    """Everything that a picture is made of.

    Attributes:
        photograph: An upload.
        sample: Or the name of a photograph that the page offers.
        styles: At least one.
        keep: A mask of what stays as it is.
        balance: 0 is the usual; each step up halves the weight of the photograph, each step down doubles it.
        strokes: 0 is the usual; each step up doubles the size of the strokes.
        colours: Whose.
        size: Longest edge, pixels.
        steps: Of the optimiser.
        seed: Of all random numbers.
        backbone, loss, recipe, weights: For experts.
        start: The state to start from.
    """

    photograph: Id | None = None
    sample: Id | None = None
    styles: list[StyleChoice] = Field(min_length=1, max_length=4)
    keep: Id | None = None
    balance: float = Field(0.0, ge=-6, le=6)
    strokes: float = Field(0.0, ge=-3, le=3)
    colours: Literal["painting", "photograph", "palette"] = "painting"
    size: int = Field(512, ge=32)
    steps: int = Field(96, ge=1, le=2000)
    seed: int = Field(0, ge=0, le=2**31)
    backbone: Id | None = None
    loss: Id | None = None
    recipe: Id | None = None
    weights: Weights = Weights()
    start: State | None = None

    @classmethod
    def read(cls, sent: Any, limits: Limits) -> "Settings":
        """Check what a browser has sent.

        Raises:
            RefusedError: It can't be used.
        """
        try:
            found = cls.model_validate(sent)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"]) or "the settings"
            raise RefusedError(f"{where}: {first['msg'][:1].lower()}{first['msg'][1:]}") from None
        if found.size > limits.size:
            raise RefusedError(f"size is {found.size} pixels; this page paints up to {limits.size}")
        if (found.photograph is None) == (found.sample is None):
            raise RefusedError("choose a photograph")
        for kind, got, valid in (
            ("photograph", found.sample, offered.photographs()),
            ("backbone", found.backbone, offered.WITHOUT_DOWNLOAD),
            ("loss", found.loss, offered.losses()),
            ("recipe", found.recipe, offered.recipes()),
            *(("style", style.name, offered.styles()) for style in found.styles),
        ):
            if got is not None and got not in valid:
                raise RefusedError(f"there is no {kind} {got!r} on this page")
        for style in found.styles:
            if (style.name is None) == (style.picture is None):
                raise RefusedError("choose a style")
        names = [style.name or style.picture for style in found.styles]
        if len(set(names)) < len(names):
            raise RefusedError("a style is there twice; choose it once, with a larger share")
        return found

    def words(self, find: Find, started: Callable[[State], Path]) -> list[str]:
        """Return the words of the command that paints it.

        Args:
            find: Gives the files of uploads.
            started: Gives the file of an earlier state.

        Raises:
            RefusedError: An upload or a state is gone.
        """
        options: dict[str, Any] = {"experiment": self.recipe} if self.recipe else {}
        options |= {"backbone": self.backbone} if self.backbone else {}
        options |= {"loss": self.loss} if self.loss else {}
        options |= {"content.path": find("picture", self.photograph)} if self.photograph else {"content": self.sample}
        options |= self._styles(find)
        options |= {"content.mask": find("mask", self.keep)} if self.keep else {}
        options |= {"init": "file", "init.path": started(self.start)} if self.start else {}
        options |= COLOURS[self.colours]
        options |= {"style_scale": round(2.0**self.strokes, 4)} if self.strokes else {}
        options |= {"size": self.size, "steps": self.steps, "depth": 16}
        options |= {"seed": self.seed} if self.seed else {}
        weights = self.weights.model_dump(exclude_none=True)
        if self.balance and "content" not in weights:
            weights["content"] = float(f"{self._content_weight() * 2.0**-self.balance:.4g}")
        return words(options | {f"weights.{name}": weight for name, weight in weights.items()})

    def first(self, find: Find) -> First | None:
        """Return what a network paints first; None where the picture goes on from an earlier state."""
        if self.start is not None:
            return None
        styles = {self._shown(style, find): style.share for style in self.styles}
        return First(
            self.file(find),
            styles,
            [find("mask", style.mask) if style.mask else None for style in self.styles],
            find("mask", self.keep) if self.keep else None,
            self.size,
            min(2.0, max(0.5, 2.0**self.strokes)),
            self.colours == "photograph",
        )

    def _shown(self, style: StyleChoice, find: Find) -> str:
        """A style as the networks that come with nst take it: its name, where one knows it, or its picture."""
        if style.name is None:
            return str(find("picture", style.picture or ""))
        offer = offered.styles()[style.name]
        return offer.name if offer.known else str(offer.path)

    def file(self, find: Find) -> Path:
        """Return the file of the photograph."""
        return find("picture", self.photograph) if self.photograph else offered.photographs()[str(self.sample)].path

    def grid(self, across: str, down: str) -> list["Settings"]:
        """Return 3 x 3 settings around these, small and quick, row by row.

        Args:
            across: The slider that varies from left to right.
            down: The slider that varies from top to bottom.
        """
        small = {"size": min(self.size, FINEST_GRID), "steps": min(self.steps, GRID_STEPS), "start": None}

        def moved(name: str, by: int) -> dict[str, float]:
            step, most = SLIDERS[name]
            return {name: max(-most, min(most, getattr(self, name) + by * step))}

        return [
            self.model_copy(update=small | moved(down, y) | moved(across, x)) for y in (-1, 0, 1) for x in (-1, 0, 1)
        ]

    def _content_weight(self) -> float:
        if self.recipe and not self.loss:
            return offered.recipes()[self.recipe][1]
        return offered.losses()[self.loss or "relative"]

    def _styles(self, find: Find) -> dict[str, Any]:
        several = len(self.styles) > 1
        if all(style.name for style in self.styles):
            out: dict[str, Any] = {"style": [s.name for s in self.styles] if several else self.styles[0].name}
            for style in self.styles:
                out |= {f"style.{style.name}.weight": style.share} if several and style.share != 1 else {}
                out |= {f"style.{style.name}.mask": find("mask", style.mask)} if style.mask else {}
            return out
        files = [offered.styles()[s.name].path if s.name else find("picture", s.picture or "") for s in self.styles]
        out = {"style.path": files if several else files[0]}
        out |= {"style.weight": [s.share for s in self.styles]} if several else {}
        masks = [find("mask", s.mask) if s.mask else None for s in self.styles]
        return out | ({"style.mask": masks if several else masks[0]} if any(masks) else {})
