"""Training of the embedded networks: pictures, students, and pictures from along their own optimisations."""
