"""The same two models written for each system. Each module runs inside that system's own environment."""
