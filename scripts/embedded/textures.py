"""Procedural pictures with the statistics of scenes and of paint: each function gives one from a random generator."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

Floats = NDArray[np.float32]
Maker = Callable[[np.random.Generator, int], Floats]


def palette(rng: np.random.Generator, count: int) -> Floats:
    """Return colours about a few anchors, the way a picture has them: (count, 3), [0, 1]."""
    anchors = rng.random((int(rng.integers(2, 6)), 3))
    mean = anchors.mean(1, keepdims=True)
    anchors = mean + (anchors - mean) * rng.uniform(0.1, 1.6)
    chosen = anchors[rng.integers(len(anchors), size=count)] + rng.normal(0, rng.uniform(0.02, 0.15), (count, 3))
    return np.clip(chosen, 0, 1).astype(np.float32)


def cloud(rng: np.random.Generator, edge: int, *, slope: float | None = None, squeeze: float = 1.0) -> Floats:
    """Return Gaussian noise of spectrum 1 / f^slope, perhaps squeezed along a direction: (edge, edge), in [0, 1]."""
    slope = rng.uniform(0.7, 2.2) if slope is None else slope
    v, u = np.meshgrid(np.fft.fftfreq(edge), np.fft.fftfreq(edge), indexing="ij")
    angle = rng.uniform(0, np.pi)
    along, across = u * np.cos(angle) + v * np.sin(angle), v * np.cos(angle) - u * np.sin(angle)
    f = np.hypot(along * squeeze, across) + 1 / edge
    field = np.fft.ifft2(np.fft.fft2(rng.normal(size=(edge, edge))) / f**slope).real
    return np.clip(0.5 + 0.22 * field / field.std(), 0, 1).astype(np.float32)


def tint(rng: np.random.Generator, field: Floats) -> Floats:
    """Colour a field in [0, 1] by a ramp through random colours: (H, W, 3)."""
    colours = palette(rng, int(rng.integers(2, 7)))
    place = np.linspace(0, 1, len(colours))
    return np.stack([np.interp(field, place, colours[:, c]) for c in range(3)], -1).astype(np.float32)


def clouds(rng: np.random.Generator, edge: int) -> Floats:
    """Return coloured 1 / f noise, isotropic or drawn out, smooth or in flat bands."""
    field = cloud(rng, edge, squeeze=rng.choice([1.0, 1.0, 3.0, 8.0]))
    if rng.random() < 0.4:
        steps = int(rng.integers(3, 12))
        field = np.floor(field * steps) / steps
    return tint(rng, field)


def grating(rng: np.random.Generator, edge: int) -> Floats:
    """Return one or two waves, sine or hard, straight or bent by noise."""
    y, x = np.mgrid[:edge, :edge].astype(np.float32)
    bend = rng.choice([0.0, 10.0, 40.0]) * cloud(rng, edge, slope=2.2)
    field = np.zeros((edge, edge), np.float32)
    for _ in range(int(rng.integers(1, 3))):
        angle, period = rng.uniform(0, np.pi), 3 * 2 ** rng.uniform(0, 4.3)
        field += np.sin(2 * np.pi * (x * np.cos(angle) + y * np.sin(angle) + bend) / period)
    hard = rng.choice([1.0, 3.0, 20.0])
    return tint(rng, 0.5 + 0.5 * np.tanh(hard * field))


def gabors(rng: np.random.Generator, edge: int) -> Floats:
    """Return Gabor noise: a narrow band of frequencies about one orientation, or about all."""
    v, u = np.meshgrid(np.fft.fftfreq(edge), np.fft.fftfreq(edge), indexing="ij")
    angle, centre = rng.uniform(0, np.pi), 2 ** rng.uniform(-6, -1.6)
    off = np.abs(np.angle(np.exp(2j * (np.arctan2(v, u) - angle)))) / 2
    band = np.exp(-((np.log2(np.hypot(u, v) + 1e-6) - np.log2(centre)) ** 2) / rng.uniform(0.05, 0.8))
    band = band * np.exp(-((off / rng.uniform(0.1, 3)) ** 2))
    field = np.fft.ifft2(np.fft.fft2(rng.normal(size=(edge, edge))) * band).real
    return tint(rng, (0.5 + 0.5 * np.tanh(rng.choice([0.5, 1.0, 4.0]) * field / field.std())).astype(np.float32))


def cells(rng: np.random.Generator, edge: int) -> Floats:
    """Return Voronoi cells: flat, shaded or with joints between them."""
    count = int(2 ** rng.uniform(4, 10.5))
    points = rng.random((count, 2)) * edge
    if rng.random() < 0.4:  # courses
        side = int(np.sqrt(count))
        points = (
            np.stack(np.meshgrid(np.arange(side), np.arange(side)), -1).reshape(-1, 2) + rng.random((side**2, 2)) * 0.5
        )
        points = points * edge / side
    y, x = np.mgrid[:edge, :edge]
    near, which = _nearest(points, x, y)
    picture = palette(rng, len(points))[which]
    if rng.random() < 0.6:
        joint = np.clip((near[..., 1] - near[..., 0]) / rng.uniform(1, 5), 0, 1)[..., None]
        picture = picture * joint + palette(rng, 1)[0] * (1 - joint)
    if rng.random() < 0.3:
        picture = picture * (1 - 0.5 * np.clip(near[..., :1] / near[..., 0].max(), 0, 1))
    return picture.astype(np.float32)


def _nearest(points: Floats, x: Floats, y: Floats) -> tuple[Floats, NDArray[np.int64]]:
    near, which = cKDTree(points).query(np.stack([x, y], -1).reshape(-1, 2), k=2)
    return near.reshape(*x.shape, 2), which[:, 0].reshape(x.shape)


def leaves(rng: np.random.Generator, edge: int) -> Floats:
    """Return dead leaves: shapes of radius density 1 / r^3 that hide each other, filled with colour or texture."""
    picture = clouds(rng, edge)
    fills = [MAKERS[int(rng.integers(len(MAKERS) - 1))](rng, edge) for _ in range(3)]
    shape, angular = rng.integers(3), rng.random() < 0.3
    heading = rng.uniform(0, np.pi)
    for colour in palette(rng, int(rng.integers(60, 260))):
        r = min(3.0 / np.sqrt(rng.random() + 1e-4) * rng.uniform(1, 2), edge / 3)
        cy, cx = rng.uniform(0, edge, 2)
        top, left = int(max(0, cy - 2 * r)), int(max(0, cx - 2 * r))
        y, x = np.mgrid[top : int(min(edge, cy + 2 * r + 1)), left : int(min(edge, cx + 2 * r + 1))]
        angle = heading if angular else rng.uniform(0, np.pi)
        along = (x - cx) * np.cos(angle) + (y - cy) * np.sin(angle)
        across = ((y - cy) * np.cos(angle) - (x - cx) * np.sin(angle)) * rng.uniform(1, 3)
        far = np.hypot(along, across) if shape == 0 else np.maximum(np.abs(along), np.abs(across))
        cover = np.clip(r - far + 0.5, 0, 1)[..., None]
        window = (slice(top, top + y.shape[0]), slice(left, left + x.shape[1]))
        fill = (
            fills[int(rng.integers(3))][window]
            if rng.random() < 0.3
            else colour * (1 + rng.normal(0, 0.2) * along / r)[..., None]
        )
        picture[window] = picture[window] * (1 - cover) + fill * cover
    return picture


def strokes(rng: np.random.Generator, edge: int) -> Floats:
    """Return brush strokes along a flow: smeared noise with ridges, in the colours of a cloud or of leaves."""
    base = clouds(rng, edge) if rng.random() < 0.5 else leaves(rng, edge)
    angle = 2 * np.pi * rng.uniform(0.2, 3) * cloud(rng, edge, slope=2.2)
    y, x = np.mgrid[:edge, :edge].astype(np.float32)
    length, step = int(rng.integers(6, 24)), 1.0
    grain = ndimage.gaussian_filter(rng.normal(size=(edge, edge)), rng.uniform(0.5, 2.5))
    block = int(rng.integers(2, 7))
    coarse = base[::block, ::block].repeat(block, 0).repeat(block, 1)[:edge, :edge]
    ridge, paint = np.zeros((edge, edge)), np.zeros((edge, edge, 3))
    for sign in (-1, 1):
        py, px = y.copy(), x.copy()
        for _ in range(length):
            iy, ix = py.astype(int) % edge, px.astype(int) % edge
            ridge += grain[iy, ix]
            paint += coarse[iy, ix]
            turn = angle[iy, ix]
            py, px = py + sign * step * np.sin(turn), px + sign * step * np.cos(turn)
    paint = paint / (2 * length) + rng.uniform(0.0, 0.12) * (ridge / ridge.std())[..., None]
    return np.clip(paint, 0, 1).astype(np.float32)


MAKERS: list[Maker] = [clouds, grating, gabors, cells, strokes, leaves]
