"""Figures by which runs are compared."""
