"""Figures that compare runs. Importing the names needs no torch."""

FIGURES = ("score", "style", "content", "ssim", "lpips", "tv")
"""The figures of `judge.Judge`."""
MINIMIZABLE = ("loss", "judge", *FIGURES[1:], "seconds")
"""What `minimize=` may name: the run's own loss, the judge's score (`judge`) and other figures, and its duration."""
