"""Colours of a file with a gamma and primaries of its own, in sRGB."""

import numpy as np

SRGB_GAMMA = 1 / 2.2
SRGB_PRIMARIES = (0.3127, 0.3290, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06)
"""x and y of white, red, green and blue."""
SAME_GAMMA, SAME_PRIMARIES = 0.05, 0.01
"""Differences from sRGB that are rounding: relative, of the gamma (libpng's threshold); of a coordinate."""
BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
"""From XYZ to the responses of the eye's cones, in which white is adapted."""


def to_srgb(rgb: np.ndarray, gamma: float, primaries: tuple[float, ...] | None) -> np.ndarray:
    """Return sRGB in [0, 1] of samples `s = light ** gamma`; as they are where both are sRGB's.

    Args:
        rgb: (H, W, 3) in [0, 1].
        gamma: PNG's gAMA: the exponent of the file, 1 for linear light.
        primaries: PNG's cHRM: x and y of white, red, green and blue; None for sRGB's.

    Source: PNG specification (third edition), 11.3.2 and 13.13; Bradford: ICC.1, annex E.
    """
    if not gamma > 0:
        return rgb
    others = primaries is not None and _differ(primaries)
    if abs(gamma / SRGB_GAMMA - 1) < SAME_GAMMA and not others:
        return rgb
    light = rgb.astype(np.float64) ** (1 / gamma)
    if others and primaries is not None:
        light = np.clip(light @ _matrix(primaries).T, 0, 1)
    return _encoded(light).astype(np.float32)


def _differ(primaries: tuple[float, ...]) -> bool:
    """Whether primaries are usable and not sRGB's."""
    if len(primaries) != 8 or not all(0 < value < 1 for value in primaries[1::2]):
        return False
    if abs(np.linalg.det(_xyz_of_primaries(primaries))) < 1e-6:
        return False
    return bool(np.abs(np.subtract(primaries, SRGB_PRIMARIES)).max() > SAME_PRIMARIES)


def _matrix(primaries: tuple[float, ...]) -> np.ndarray:
    """The matrix from linear light of these primaries to linear light of sRGB, white to white."""
    white, target = (BRADFORD @ _xyz(*p[:2]) for p in (primaries, SRGB_PRIMARIES))
    adapt = np.linalg.inv(BRADFORD) @ np.diag(target / white) @ BRADFORD
    return np.asarray(np.linalg.inv(_to_xyz(SRGB_PRIMARIES)) @ adapt @ _to_xyz(primaries))


def _to_xyz(primaries: tuple[float, ...]) -> np.ndarray:
    """The matrix from linear RGB to XYZ."""
    columns = _xyz_of_primaries(primaries)
    return np.asarray(columns * np.linalg.solve(columns, _xyz(*primaries[:2])))


def _xyz_of_primaries(primaries: tuple[float, ...]) -> np.ndarray:
    return np.stack([_xyz(x, y) for x, y in zip(primaries[2::2], primaries[3::2], strict=True)], axis=1)


def _xyz(x: float, y: float) -> np.ndarray:
    return np.array([x / y, 1, (1 - x - y) / y])


def _encoded(light: np.ndarray) -> np.ndarray:
    """The sRGB transfer function (IEC 61966-2-1)."""
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * np.maximum(light, 1e-9) ** (1 / 2.4) - 0.055)
