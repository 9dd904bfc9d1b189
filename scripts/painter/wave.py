"""Great wave: a colour woodcut of breaking waves, striped bodies and foam that ends in claws."""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from painter.colour import mix, ramp, rgb
from painter.noise import Floats, fbm, grid, perlin, smoothstep
from painter.sheet import Sheet, picture, spline

_INK = rgb("122445")
_BLUES = [rgb(code) for code in ("1a3a6b", "2c5a8f", "6f9cb8", "1f4880", "b9cdc4", "20427a", "4379a6")]
_STRIPES = [rgb(code) for code in ("8fb4c4", "d9dcc6", "5f93bb", "a9c6c6", "3f78ac")]
_FOAM, _SHADE = rgb("f3ead2"), rgb("a9c4c8")

# The template breaks to the right, ordinate upwards, from the foot at 0 to the crest at 1.
_BACK = [(-0.85, -0.45), (-0.52, 0.05), (-0.22, 0.38), (0.03, 0.70), (0.30, 0.93), (0.60, 0.97), (0.84, 0.80),
         (0.95, 0.56)]  # fmt: skip
_FACE = [(1.45, -0.45), (0.85, -0.08), (0.52, 0.10), (0.38, 0.34), (0.42, 0.56), (0.58, 0.70), (0.78, 0.70),
         (0.95, 0.56)]  # fmt: skip


@dataclass(frozen=True)
class _Wave:
    x: float
    y: float
    size: float
    sense: int
    seed: int

    def place(self, points: Floats) -> Floats:
        return np.asarray(points * [self.size * self.sense, -self.size] + [self.x, self.y], np.float32)


_WAVES = [
    _Wave(0.97, 0.92, 0.86, -1, 1),
    _Wave(0.03, 0.90, 0.27, 1, 2),
    _Wave(0.60, 0.965, 0.19, -1, 3),
    _Wave(0.22, 1.05, 0.22, 1, 5),
    _Wave(0.92, 1.08, 0.25, -1, 6),
]


def _claw(sheet: Sheet, wave: _Wave, root: Floats, heading: float, length: float, bend: float, depth: int) -> None:
    """Draw a finger of foam that hooks over and bears smaller fingers on its outer side.

    Args:
        sheet: Where to draw.
        wave: Gives the place on the sheet.
        root: (2,) in the template.
        heading: First direction in radians.
        length: In the template.
        bend: Turn along the finger in radians.
        depth: Generations of smaller fingers.
    """
    turn = heading + bend * np.linspace(0, 1, 22) ** 1.5
    path = root + np.cumsum(np.stack([np.cos(turn), np.sin(turn)], 1), axis=0) * length / 22
    width = 0.36 * length * (1 - 0.93 * np.linspace(0, 1, 22) ** 0.9)
    if depth:
        for at, share in ((5, 0.62), (10, 0.55), (14, 0.42)):
            side = -np.sign(bend)
            _claw(sheet, wave, path[at], turn[at] + side * 0.75, share * length, bend * 1.15, depth - 1)
    placed, line = wave.place(path), 0.011 * wave.size**0.5
    sheet.line(placed, (width * wave.size + line), _INK)
    sheet.line(placed, width * wave.size, _FOAM)
    if depth == 2:
        for k in range(1, 12, 2):
            spot = path[k] + width[k] * np.array([np.sin(turn[k]), -np.cos(turn[k])]) * 0.22 * np.sign(bend)
            sheet.disc(wave.place(spot), 0.0042 * wave.size * (1 - k / 16) + 0.0008, _BLUES[2])
    inner = slice(2, 15)
    shift = np.stack([np.sin(turn), -np.cos(turn)], 1) * np.sign(bend) * width[:, None] * -0.22
    sheet.line(wave.place(path + shift)[inner], 0.20 * width[inner] * wave.size, _SHADE)


def _body(sheet: Sheet, wave: _Wave) -> tuple[Floats, Floats]:
    """Draw the striped body and give its two outlines in the template, foot to tip."""
    rng = np.random.default_rng(wave.seed)
    back, face = spline(_BACK, 120), spline(_FACE, 120)
    outline = wave.place(np.concatenate([back, face[::-1]]))
    sheet.polygon(outline, _BLUES[0])
    cuts = np.concatenate([[0], np.cumsum(rng.uniform(0.6, 1.4, 34) * np.tile([1.4, 0.8], 17))])
    cuts = cuts / cuts[-1]
    between = [
        back + (face - back) * (cut + 0.012 * np.sin(np.linspace(0, 9, 120) + 40 * cut))[:, None] for cut in cuts
    ]
    for k in range(len(cuts) - 1):
        band = wave.place(np.concatenate([between[k], between[k + 1][::-1]]))
        sheet.polygon(band, _STRIPES[int(rng.integers(len(_STRIPES)))] if k % 2 else _BLUES[(0, 5, 1)[(k // 2) % 3]])
        taper = 0.0045 * wave.size**0.5 * (0.3 + np.sin(np.linspace(0, np.pi, 120)))
        sheet.line(wave.place(between[k]), taper, _INK)
    for line in (back, face):
        sheet.line(wave.place(line), 0.009 * wave.size**0.5, _INK)
    return back, face


def _draw(sheet: Sheet, wave: _Wave) -> None:
    rng = np.random.default_rng(100 + wave.seed)
    back, face = _body(sheet, wave)
    crest = back + (face - back) * 0.16
    start = 62
    width = 0.05 + 0.15 * np.linspace(0, 1, 120 - start) ** 0.7
    sheet.line(wave.place(crest[start:]), width * wave.size + 0.011 * wave.size**0.5, _INK)
    sheet.line(wave.place(crest[start:]), width * wave.size, _FOAM)
    for k in range(start, 119, 5):
        slope = np.arctan2(*(crest[k] - crest[k - 1])[::-1])
        grow = 0.10 + 0.10 * (k - start) / (120 - start)
        _claw(sheet, wave, crest[k], slope + 0.9, 0.7 * grow * rng.uniform(0.8, 1.2), -2.2, 1)
    for k in range(start - 8, 119, 5):
        slope = np.arctan2(*(crest[k] - crest[k - 1])[::-1])
        grow = 0.14 + 0.16 * (k - start) / (120 - start)
        _claw(
            sheet,
            wave,
            crest[k],
            slope - 0.9 + rng.uniform(-0.2, 0.2),
            grow * rng.uniform(0.85, 1.2),
            -1.5,
            2,
        )
    for _ in range(70):
        spot = face[-1] + rng.normal([0.10, 0.02], [0.22, 0.26])
        radius = rng.uniform(0.003, 0.011) * wave.size**0.5
        sheet.disc(wave.place(spot), radius + 0.0022, _INK)
        sheet.disc(wave.place(spot), radius, _FOAM)


def _clouds(sheet: Sheet) -> None:
    """Draw the sky: a red sun among banks of cloud, each lobe ringed by the lines of its swelling."""
    rng = np.random.default_rng(11)
    tints = [rgb(code) for code in ("f4e6c2", "ecd29c", "b5d0ca", "8fb7c2", "f0b98a")]
    for y in np.linspace(-0.02, 0.66, 21):
        if 0.24 < y < 0.28:
            sheet.disc((0.135, 0.205), 0.105, _INK)
            sheet.disc((0.135, 0.205), 0.102, rgb("d8472f"))
        here = -0.05 + rng.uniform(0, 0.12)
        while here < 1.05:
            swell = rng.uniform(0.5, 1.0) * (1 - 0.5 * y)
            for lobe in range(int(rng.integers(3, 8))):
                centre = np.array([here + 0.052 * swell * lobe, y + 0.012 * np.sin(2 * lobe + 20 * y)])
                radius = swell * rng.uniform(0.034, 0.058)
                _lobe(sheet, centre, radius, tints[(lobe + int(40 * y)) % len(tints)])
            here += 0.06 * swell * lobe + rng.uniform(0.07, 0.16)


def _lobe(sheet: Sheet, centre: Floats, radius: float, tint: Floats) -> None:
    lens = np.linspace(0, 2 * np.pi, 40)
    rim = np.stack([np.cos(lens) * 1.25, np.sin(lens) * 0.52], 1)
    for share, colour in ((1.0, _INK), (0.94, tint), (0.70, rgb("7f9aa0")), (0.66, tint * 0.96), (0.40, rgb("7f9aa0")),
                          (0.35, tint)):  # fmt: skip
        sheet.polygon(centre + [0, 0.5 * radius * (1 - share)] + rim * radius * share, colour)


def _swell(sheet: Sheet) -> None:
    """Draw the open sea: rows of scalloped wavelets that grow towards the viewer."""
    rng = np.random.default_rng(12)
    x = np.linspace(-0.02, 1.02, 200)
    for row, y in enumerate(0.665 + 0.36 * np.linspace(0, 1, 26) ** 1.35):
        size = 0.006 + 0.030 * (y - 0.66)
        edge = y - size * np.abs(np.sin(x * (26 - 22 * (y - 0.66)) + 1.9 * row)) - 0.01 * np.sin(5 * x + row)
        under = np.concatenate([np.stack([x, edge], 1), [(1.02, 1.05), (-0.02, 1.05)]])
        sheet.polygon(under, _BLUES[int(rng.integers(len(_BLUES)))])
        line = np.stack([x, edge], 1).astype(np.float32)
        sheet.line(line, 0.0028, _INK)
        sheet.line(line + np.float32([0, 0.30 * size + 0.002]), 0.002 + 0.1 * size, _FOAM if row % 2 else _SHADE)


def _mountain(sheet: Sheet) -> None:
    left, right = [(0.10, 0.70), (0.30, 0.60), (0.385, 0.515)], [(0.415, 0.512), (0.49, 0.595), (0.68, 0.70)]
    cone = np.concatenate([spline(left, 30), spline(right, 30)])
    sheet.polygon(cone, rgb("45688f"))
    zig = [(0.385, 0.515), (0.345, 0.560), (0.362, 0.555), (0.37, 0.59), (0.388, 0.560), (0.40, 0.605), (0.418, 0.560),
           (0.435, 0.59), (0.442, 0.555), (0.460, 0.565), (0.415, 0.512)]  # fmt: skip
    sheet.polygon(zig, _FOAM)
    sheet.line(cone, 0.0045, _INK)


def _print(pixels: Floats) -> Floats:
    """Return the sheet as printed: wood grain and baren marks in the ink, fibres of the paper."""
    x, y = grid(len(pixels))
    grain = np.sin(150 * (y + 0.05 * fbm(x, y, frequency=2, seed=2)) + 5 * perlin(0.5 * x, 9 * y, frequency=5, seed=3))
    mottle = fbm(x, y, frequency=14, seed=4) * 0.5 + perlin(x, 6 * y, frequency=18, seed=9) * 0.5
    fibre = smoothstep(0.55, 0.9, perlin(4 * x, y, frequency=14, seed=5) * perlin(x, y, frequency=9, seed=6) * 3)
    inked = 1 - pixels.mean(-1)
    worn = np.clip(inked * (0.02 + 0.05 * grain + 0.07 * mottle), 0, 1)
    pale = mix(pixels, rgb("efe2c0"), worn)
    shade = 1 - 0.025 * (grain + mottle) * (1 - inked) - 0.05 * fibre
    return np.asarray(pale * shade[..., None], np.float32)


def paint(edge: int) -> Image.Image:
    """Paint the picture.

    Args:
        edge: Side in pixels.
    """
    sheet = Sheet(edge, rgb("e6d7b0"))
    for row in np.linspace(0, 0.72, 90):
        tint = ramp(["3f7396", "8fb3ae", "e3d3a2", "f0d79c", "eebb85"], np.float32(row / 0.7))
        sheet.polygon([(0, row), (1, row), (1, row + 0.01), (0, row + 0.01)], tint)
    _clouds(sheet)
    _mountain(sheet)
    _swell(sheet)
    for wave in _WAVES:
        _draw(sheet, wave)
    return picture(_print(sheet.pixels()))
