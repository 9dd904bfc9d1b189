"""A trained network on new pictures of any size."""
