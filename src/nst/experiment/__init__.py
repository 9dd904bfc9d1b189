"""One run in its folder: an image job or a network job, with its record."""
