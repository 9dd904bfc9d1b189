"""Mosaic: tesserae of smalti and gold in rows that follow the forms, a sun above a sea with fishes."""

from collections.abc import Iterator

import numpy as np
from PIL import Image, ImageDraw
from skimage.measure import find_contours
from skimage.segmentation import expand_labels

from painter.colour import mix, ramp, rgb, vary
from painter.noise import Floats, fbm, grid, perlin, smoothstep
from painter.relief import seams, shade
from painter.sheet import picture

_TILE = 0.0128
_SUN = (0.5, 0.385)
_FRAME = 0.062
_FISHES = [(0.27, 0.790, 0.100, 1), (0.71, 0.775, 0.085, -1), (0.49, 0.880, 0.110, 1)]
_GOLD = ["7a4a10", "b8811f", "e2b43c", "f8dd7a", "d69a28"]
_SEA = ["06183c", "0c3a6e", "13698f", "2b9aa6", "7fcdbb", "e8efd0"]
_AIR = ["0a1a4a", "112f78", "1c4fa3", "2f7fbd", "74b8cf", "dcd9a8"]
_STARS = [(0.14, 0.15, 0.034), (0.86, 0.17, 0.038), (0.13, 0.42, 0.026), (0.88, 0.43, 0.027), (0.27, 0.10, 0.020),
          (0.72, 0.105, 0.021), (0.125, 0.58, 0.020), (0.875, 0.60, 0.022), (0.155, 0.285, 0.017),
          (0.85, 0.30, 0.017)]  # fmt: skip


def _wave(x: Floats) -> Floats:
    return np.asarray(0.675 + 0.022 * np.sin(19 * x) + 0.010 * np.sin(37 * x + 1), np.float32)


def _fish(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Return how far out of the nearest fish a point lies (1 on its outline) and how far along it, -1 to 1."""
    depth, along = np.full(np.shape(x), 9, np.float32), np.zeros(np.shape(x), np.float32)
    for cx, cy, size, way in _FISHES:
        u, v = (x - cx) * way / size, (y - cy) / size
        body = np.hypot(u, 2.3 * v)
        tail = np.maximum(np.abs(u + 1.12) / 0.28, np.abs(v) / (0.12 + 0.9 * np.clip(-u - 0.84, 0, 1)))
        here = np.minimum(body, tail)
        depth, along = np.where(here < depth, here, depth), np.where(here < depth, u, along)
    return depth, along


def _regions(x: Floats, y: Floats) -> Floats:
    """Return 0 for air, 1 sun, 2 sea, 3 fish, 4 frame."""
    region = np.where(y > _wave(x), 2, 0)
    region = np.where((np.hypot(x - _SUN[0], y - _SUN[1]) < 0.255), 1, region)
    region = np.where((region == 1) & (y > _wave(x)), 2, region)
    region = np.where(_fish(x, y)[0] < 1, 3, region)
    return np.where(np.maximum(np.abs(x - 0.5), np.abs(y - 0.5)) > 0.5 - _FRAME, 4, region).astype(np.float32)


def _potential(x: Floats, y: Floats, region: int) -> Floats:
    """Return the function whose level lines are the rows of a region, about one picture unit per unit."""
    if region == 2:
        bend = perlin(x, y, frequency=2.2, seed=2)
        return np.asarray(y - 0.024 * np.sin(17 * x + 9 * (y - 0.6) + 2 * bend) - 0.04 * bend, np.float32)
    if region == 3:
        return np.asarray(y + 0.006 * np.cos(np.pi * _fish(x, y)[1]), np.float32)
    if region == 4:
        return np.maximum(np.abs(x - 0.5), np.abs(y - 0.5)).astype(np.float32)
    return np.hypot(x - _SUN[0], y - _SUN[1]).astype(np.float32)


def _tone(x: Floats, y: Floats) -> Floats:
    region = _regions(x, y)
    r, angle = np.hypot(x - _SUN[0], y - _SUN[1]), np.arctan2(y - _SUN[1], x - _SUN[0])
    cloud = fbm(x, y, frequency=4, seed=7, octaves=2)
    streak = np.abs(np.sin(6 * angle + 9 * r))
    colour = ramp(_AIR, 0.98 - 2.5 * (r - 0.25) + 0.15 * cloud + 0.16 * np.sin(70 * r) * streak)

    for sx, sy, size in _STARS:
        away, aim = np.hypot(x - sx, y - sy) / size, np.arctan2(y - sy, x - sx)
        star = ramp(["fff3c0", "f3cb4f", "c98a1d", "f0e6c8"], away)
        colour = np.where((away < 0.72 + 0.38 * np.cos(6 * aim))[..., None], star, colour)

    ray = np.abs((angle * 16 / (2 * np.pi) + 0.25) % 1 - 0.5) * 2
    spike = ray < 1.05 - (r - 0.135) / 0.085
    sun = np.where(
        spike[..., None],
        ramp(_GOLD, 0.35 + 0.5 * ray),
        ramp(["5c0f14", "a8241c", "d4502a"], (r - 0.13) / 0.08),
    )
    petals = 0.5 + 0.5 * np.sin(8 * angle + 26 * r)
    disc = ramp(["f9ecb0", "f4cd52", "e39a26", "c4541c", "8c1d1a"], r / 0.13 * 0.8 + 0.22 * (petals - 0.5))
    sun = np.where((r < 0.128)[..., None], disc, sun)
    rope = np.sin(24 * angle + 130 * r)
    sun = np.where((r > 0.222)[..., None], np.where((rope > 0)[..., None], rgb("f3e8cc"), rgb("123a63")), sun)
    colour = np.where((region == 1)[..., None], sun, colour)

    level = _potential(x, y, 2)
    swell = np.sin(95 * level + 3 * perlin(x, y, frequency=3, seed=9))
    sea = ramp(_SEA, 0.46 - 0.75 * (y - 0.72) + 0.27 * swell + 0.15 * cloud)
    foam = smoothstep(0.016, 0.0, y - _wave(x)) * (y > _wave(x))
    glint = smoothstep(0.13, 0.02, np.abs(x - 0.5 + 0.04 * np.sin(60 * y))) * (swell > 0.1) * smoothstep(0.95, 0.7, y)
    sea = mix(mix(sea, rgb("f4eed6"), foam), rgb("efbd4c"), 0.85 * glint)
    colour = np.where((region == 2)[..., None], sea, colour)

    depth, along = _fish(x, y)
    scale = ramp(
        ["7c1717", "c8401f", "ee8a2c", "f8cf62", "fbeec0"],
        0.95 - 0.9 * depth + 0.25 * np.sin(19 * along) * np.sin(160 * y),
    )
    scale = np.where((np.hypot(along - 0.78, 0.8 * depth) < 0.13)[..., None], rgb("0c1420"), scale)
    scale = np.where(((along > 0.55) & (along < 0.67))[..., None], rgb("fbeec0"), scale)
    colour = np.where((region == 3)[..., None], scale, colour)

    side = np.maximum(np.abs(x - 0.5), np.abs(y - 0.5))
    run = np.where(np.abs(x - 0.5) > np.abs(y - 0.5), y, x)
    dent = np.abs((run * 18) % 1 - 0.5) * 2
    band = np.where((dent > (side - 0.452) / 0.036)[..., None], rgb("10294f"), rgb("d9402a"))
    band = np.where((np.abs(dent - (side - 0.452) / 0.036) < 0.22)[..., None], rgb("f0c553"), band)
    band = np.where(((side < 0.452) | (side > 0.488))[..., None], rgb("f0e4c2"), band)
    return np.where((region == 4)[..., None], band, colour).astype(np.float32)


def _rows(raster: int = 640) -> Iterator[tuple[Floats, Floats]]:
    """Return for each tile its centre (2,) and direction (2,), row by row, no two in one place."""
    taken: dict[tuple[int, int], list[Floats]] = {}
    x, y = grid(raster)
    regions = _regions(x, y)
    for region in (4, 3, 1, 2, 0):
        field = _potential(x, y, region)
        levels = np.arange(field[regions == region].min() - _TILE / 2, field[regions == region].max() + _TILE, _TILE)
        for line in (line for level in levels for line in find_contours(field, level)):
            path = (line[:, ::-1] + 0.5) / raster
            arc = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(path, axis=0), axis=1))])
            stops = np.arange(_TILE / 2, arc[-1], _TILE)
            spots = np.stack([np.interp(stops, arc, path[:, k]) for k in (0, 1)], 1)
            ahead = np.stack([np.interp(stops + 0.004, arc, path[:, k]) for k in (0, 1)], 1) - spots
            for spot, way in zip(spots[_regions(*spots.T) == region], ahead[_regions(*spots.T) == region], strict=True):
                cell = int(spot[0] / _TILE), int(spot[1] / _TILE)
                near = [p for i in (-1, 0, 1) for j in (-1, 0, 1) for p in taken.get((cell[0] + i, cell[1] + j), [])]
                if all(np.hypot(*(p - spot)) > 0.72 * _TILE for p in near):
                    taken.setdefault(cell, []).append(spot)
                    yield spot, way / (np.linalg.norm(way) + 1e-9)


def paint(edge: int) -> Image.Image:
    """Paint the picture.

    Args:
        edge: Side in pixels.
    """
    rng = np.random.default_rng(547)
    fine = max(2 * edge, 768)  # below this a tile is lost between its seams
    centres, ways = (np.array(part) for part in zip(*_rows(), strict=True))
    stencil = Image.new("I", (fine, fine))
    pen = ImageDraw.Draw(stencil)
    for number, (centre, way) in enumerate(zip(centres, ways, strict=True), 1):
        frame = np.stack([way, [-way[1], way[0]]]) * _TILE * rng.uniform(0.36, 0.43, (2, 1))
        corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * rng.uniform(0.86, 1.08, (4, 2))
        pen.polygon([tuple(p) for p in (centre + corners @ frame) * fine], fill=number)
    labels = expand_labels(np.asarray(stencil, np.int32), distance=0.22 * _TILE * fine)
    grout = (labels == 0) | seams(labels, max(1, round(0.0011 * fine)))

    n = len(centres)
    colours = vary(_tone(*centres.astype(np.float32).T), rng, light=0.055, hue=0.028)
    colours = np.concatenate([np.zeros((1, 3), np.float32), colours])
    tilt = np.concatenate([np.zeros((1, 2)), rng.normal(0, 0.11, (n, 2))]).astype(np.float32)
    middle = np.concatenate([np.zeros((1, 2)), centres]).astype(np.float32)
    x, y = grid(fine)
    lean = ((np.stack([x, y], -1) - middle[labels]) / _TILE * tilt[labels]).sum(-1)
    vein = 0.035 * fbm(x + 0.37 * tilt[labels, 0] * 9, y, frequency=60, seed=3, octaves=2)
    smalti = colours[labels] * (1 + 1.3 * lean + vein)[..., None]
    bed = rgb("4b423a") * (1 + 0.2 * perlin(x, y, frequency=40, seed=5))[..., None]
    pixels = np.where(grout[..., None], bed, smalti)
    height = np.where(grout, 0, 1 + 0.6 * lean + vein).astype(np.float32)
    return picture(pixels * shade(height, strength=0.6)[..., None]).resize((edge, edge), Image.Resampling.LANCZOS)
