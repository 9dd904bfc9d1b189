"""What everything else may use: files, errors, type checks, processes, devices."""
