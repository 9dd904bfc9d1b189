"""Artefacts, at pictures where they are known and against other ways to compute them."""

import math

import numpy as np
import pytest
import torch
from scipy.signal import correlate2d

from nst.data import color
from nst.metrics import artifacts


def grey(array):
    return torch.from_numpy(np.asarray(array, np.float64)).float().expand(1, 3, *np.shape(array)).clone()


def smooth(seed=0, size=128):
    """A photograph-like picture: noise whose power falls with the fourth power of the frequency."""
    rng = np.random.default_rng(seed)
    f = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.fftfreq(size)[None])
    f[0, 0] = 1
    field = np.fft.ifft2(np.fft.fft2(rng.normal(size=(size, size))) / f**2).real
    return 0.5 + 0.15 * (field - field.mean()) / field.std()


def test_screen_door_is_the_ratio_of_powers_on_and_off_the_axes():
    """In another form: the power of bars, by sums of cosines, bar by bar."""
    size = 32
    luma = np.random.default_rng(1).random((size, size))
    luma[:, ::2] += 0.05
    picture = grey(luma / 1.05)
    y = color.grey(picture)[0, 0].double().numpy()
    y = (y - y.mean()) * np.outer(np.hanning(size), np.hanning(size))
    n = np.arange(size)
    on, off = [], []
    for u in range(-size // 2, size // 2):
        for v in range(-size // 2, size // 2):
            if 0.42 < math.hypot(u, v) / size <= 0.5:
                wave = np.exp(-2j * np.pi * (u * n[:, None] + v * n[None]) / size)
                angle = math.degrees(math.atan2(abs(u), abs(v)))
                if angle < 12 or angle > 78:
                    on.append(abs((y * wave).sum()) ** 2)
                elif 33 < angle < 57:
                    off.append(abs((y * wave).sum()) ** 2)
    rounding = artifacts.ROUNDING * (np.outer(np.hanning(size), np.hanning(size)) ** 2).sum()
    on, off = np.add(on, rounding), np.add(off, rounding)
    assert artifacts.screen_door(picture) == pytest.approx(math.log2(np.mean(on) / np.mean(off)), abs=1e-6)


def test_bars_raise_the_screen_door_and_noise_does_not():
    luma = smooth()
    bars, noise = luma.copy(), luma + 0.05 * np.random.default_rng(3).normal(size=luma.shape)
    bars[:, ::2] += 0.02
    plain = artifacts.screen_door(grey(luma))
    assert artifacts.screen_door(grey(bars)) > plain + 3
    assert artifacts.screen_door(grey(noise)) == pytest.approx(0, abs=0.5)


def test_high_frequencies_are_a_share_of_the_power_by_parseval():
    """In another form: what a filter that passes them leaves of the windowed luma's energy."""
    luma = smooth(4, 64) + 0.05 * np.random.default_rng(4).normal(size=(64, 64))
    y = color.grey(grey(luma))[0, 0].double().numpy()
    y = (y - y.mean()) * np.outer(np.hanning(64), np.hanning(64))
    f = np.hypot(np.fft.fftfreq(64)[:, None], np.fft.fftfreq(64)[None])
    passed = np.fft.ifft2(np.where(f > 0.25, np.fft.fft2(y), 0)).real
    rounding = artifacts.ROUNDING * (np.outer(np.hanning(64), np.hanning(64)) ** 2).sum()
    energies = [(passed**2).sum() + rounding * (f > 0.25).mean(), (y**2).sum() + rounding]
    expected = math.log2(energies[0] / energies[1])
    assert artifacts.high_frequencies(grey(luma)) == pytest.approx(expected, rel=1e-6)


def test_border_compares_squared_gradients_of_ring_and_middle():
    luma = np.random.default_rng(5).random((48, 60))
    luma[:2] = luma[-2:] = 0.5
    expected = {True: [], False: []}
    for i in range(48):
        for j in range(60):
            across = (luma[i, j] - luma[i, j - 1]) ** 2 if j else 0
            down = (luma[i, j] - luma[i - 1, j]) ** 2 if i else 0
            inside = 2 <= i < 46 and 2 <= j < 58
            expected[inside].append(across + down)
    ratio = (np.mean(expected[False]) + 1e-6) / (np.mean(expected[True]) + 1e-6)
    assert artifacts.border(grey(luma)) == pytest.approx(math.log2(ratio), abs=1e-4)  # lumas are float32


def test_repetition_is_the_highest_far_peak_of_the_autocorrelation():
    from scipy.ndimage import gaussian_filter

    luma = np.random.default_rng(6).random((32, 40))
    luma[4:10, 4:10] += 1.5
    luma[20:26, 24:30] += 1.5  # the same blot, 16 rows and 20 columns on
    luma /= luma.max()
    y = color.grey(grey(luma))[0, 0].double().numpy()
    y = y - gaussian_filter(y, 2, mode="reflect")
    sums, pairs = correlate2d(y, y), correlate2d(np.ones_like(y), np.ones_like(y))
    down, across = np.meshgrid(np.arange(-31, 32), np.arange(-39, 40), indexing="ij")
    far = np.hypot(down, across)
    seen = (far >= 4) & (far <= 16)
    expected = (sums[seen] / pairs[seen]).max() / (y.var() + artifacts.ROUNDING)
    assert artifacts.repetition(grey(luma)) == pytest.approx(expected, rel=1e-5)


def test_a_stamped_motif_repeats_and_noise_does_not():
    rng = np.random.default_rng(7)
    tile = rng.random((16, 16))
    assert artifacts.repetition(grey(np.tile(tile, (8, 8)))) > 0.9
    assert artifacts.repetition(grey(rng.random((128, 128)))) < 0.1


def test_excess_is_the_distance_from_what_lies_between_the_sources():
    assert artifacts.excess(0.5, 0.2, 0.8) == 0
    assert artifacts.excess(1.0, 0.8, 0.2) == pytest.approx(0.2)
    assert artifacts.excess(0.0, 0.8, 0.2) == pytest.approx(0.2)


@pytest.mark.parametrize("name", artifacts.MEASURES)
def test_a_flat_picture_has_a_finite_measure(name):
    assert math.isfinite(artifacts.MEASURES[name](grey(np.full((40, 40), 0.5))))
