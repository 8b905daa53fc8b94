"""Measures Clipper beside what users would pick instead, in one run: `python -m benchmarks` (`make bench`)."""
