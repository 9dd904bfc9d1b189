"""Trained networks applied to new images of any size."""
