"""Where the microseconds of one query go: `python -m benchmarks.path` prints it, or writes docs/profile.md."""
