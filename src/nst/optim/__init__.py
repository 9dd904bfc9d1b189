"""Learning-rate schedules, and optimiser states resized between levels."""
