"""Procedural painting of the bundled style pictures: strokes, flow fields, and one module per picture."""
