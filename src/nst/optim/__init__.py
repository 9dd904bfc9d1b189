"""Learning-rate schedules, optimiser states carried from level to level, and what L-BFGS needs."""
