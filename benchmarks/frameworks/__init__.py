"""`python -m benchmarks.frameworks`: what each framework costs as a container, as docs/frameworks.md."""
