"""Faster operators for the CPU behind torch's semantics; see README.md."""
