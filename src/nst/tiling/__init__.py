"""Exact tiles: the sums of a picture that is cut to fit into memory."""
