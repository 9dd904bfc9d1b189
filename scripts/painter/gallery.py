"""The pictures there are: what each is called, after whom and how it is painted."""

from collections.abc import Callable
from dataclasses import dataclass

from PIL import Image

from painter import abstraction, dots, glass, hatching, marbling, mosaic, night, sunset, wave


@dataclass(frozen=True)
class Picture:
    """A picture that can be painted at any size.

    Attributes:
        title: Its title for people.
        after: Whose palette, technique or flow it takes.
        technique: How it is painted.
        paint: Gives the picture at an edge in pixels.
    """

    title: str
    after: str
    technique: str
    paint: Callable[[int], Image.Image]


PICTURES = {
    "swirling_night": Picture(
        "Swirling night", "the palette and flow of Vincent van Gogh, 1889",
        "layered curved impasto strokes along a field of vortices", night.paint,
    ),
    "great_wave": Picture(
        "Great wave", "the ukiyo-e woodcuts of Katsushika Hokusai, about 1831",
        "flat colour, contour lines, striped bodies and foam in fractal claws", wave.paint,
    ),
    "undulating_sunset": Picture(
        "Undulating sunset", "the palette and bands of Edvard Munch, 1893",
        "long wavy streaked strokes along level lines and eddies", sunset.paint,
    ),
    "geometric_abstraction": Picture(
        "Geometric abstraction", "the crowded compositions of Wassily Kandinsky, 1913",
        "translucent shapes, circles, wedges, arcs and drawn lines over a brushed ground", abstraction.paint,
    ),
    "mosaic": Picture(
        "Sun over the sea", "the wall mosaics of Ravenna, sixth century",
        "tesserae of smalti and gold in rows that follow the forms", mosaic.paint,
    ),
    "stained_glass": Picture(
        "Rose window", "the rose windows of Chartres and Paris, thirteenth century",
        "leaded panes of streaked glass, lit from behind", glass.paint,
    ),
    "hatching": Picture(
        "Globes and folds", "pencil studies of the Renaissance workshops",
        "crossed pencil strokes that follow the form, on toothed paper", hatching.paint,
    ),
    "pointillism": Picture(
        "Evening on the river", "the divided colour of Georges Seurat and Paul Signac, 1884 to 1900",
        "dabs of pure and complementary colour in three sizes", dots.paint,
    ),
    "marbled_paper": Picture(
        "Marbled paper", "ebru and suminagashi, the marbled end papers of books",
        "drops of colour drawn out with styluses and combs", marbling.paint,
    ),
}  # fmt: skip
