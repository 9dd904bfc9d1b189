"""`gallery.png`: a contact sheet, the last swept choice to the right, the others downwards."""

import io
import math
from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

from nst.sweeps.gallery.runs import Run
from nst.sweeps.gallery.thumbnails import THUMBNAIL

MOST = 16_000  # pixels along an edge
GAP, LINE = 10, 15
PAPER, INK, FAINT, BAD = "#ffffff", "#1d1d1f", "#6e6e73", "#b3261e"


def sheet(runs: Sequence[Run], thumbnails: Sequence[Image.Image | None], axes: Sequence[str]) -> bytes:
    """Return the sheet as PNG.

    Args:
        runs: In order.
        thumbnails: One for each; None for a run without a picture.
        axes: The choices in which they differ.
    """
    columns = _columns(runs, axes)
    rows = math.ceil(len(runs) / columns)
    lines = max(1, min(len(axes), 4)) + 1
    width, height = THUMBNAIL + GAP, THUMBNAIL + lines * LINE + GAP
    scale = min(1.0, MOST / max(columns * width, rows * height))
    page = Image.new("RGB", (columns * width + GAP, rows * height + GAP), PAPER)
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(11)
    for place, (run, picture) in enumerate(zip(runs, thumbnails, strict=True)):
        x, y = GAP + place % columns * width, GAP + place // columns * height
        if picture is None:
            draw.rectangle((x, y, x + THUMBNAIL - 1, y + THUMBNAIL - 1), outline=BAD)
            draw.text((x + 8, y + 8), _wrapped(run.reason or run.state, draw, font), fill=BAD, font=font)
        else:
            page.paste(picture, (x + (THUMBNAIL - picture.width) // 2, y + (THUMBNAIL - picture.height) // 2))
        score = run.figures.get("score")
        head = run.name + (f"   score {score:.3f}" if isinstance(score, float) else f"   {run.state}")
        words = [head, *(f"{axis}={run.choices.get(axis, 'default')}" for axis in axes[: lines - 1])]
        for number, word in enumerate(words):
            fill = (INK if run.state == "finished" else BAD) if number == 0 else FAINT
            draw.text((x, y + THUMBNAIL + 3 + number * LINE), _cut(word, draw, font), fill=fill, font=font)
    if scale < 1:
        page.thumbnail((MOST, MOST), Image.Resampling.LANCZOS, reducing_gap=2.0)
    out = io.BytesIO()
    page.save(out, "png")
    return out.getvalue()


def _columns(runs: Sequence[Run], axes: Sequence[str]) -> int:
    """As many as the last axis has values, or as make a square where that is no grid."""
    square = max(1, math.isqrt(len(runs) * 3 // 2))
    for axis in reversed(axes):
        values = len({run.choices.get(axis) for run in runs})
        if len(runs) % values == 0 and values * 4 > square:
            return values
    return min(square, len(runs))


def _cut(word: str, draw: ImageDraw.ImageDraw, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> str:
    while len(word) > 4 and draw.textlength(word, font=font) > THUMBNAIL:
        word = word[:-4] + "..."
    return word


def _wrapped(text: str, draw: ImageDraw.ImageDraw, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> str:
    lines = [""]
    for word in text.split():
        if draw.textlength(f"{lines[-1]} {word}", font=font) > THUMBNAIL - 16:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return "\n".join(_cut(line, draw, font) for line in lines[: (THUMBNAIL - 16) // LINE])
