"""What is kept for models: bundles, and the environments they run in."""
