"""Many runs: launching them, their record, their gallery."""
