"""A pretend GPU, and the tests that run on it; see `device`."""
