"""Policies that choose one model for each query and learn from what it earned."""
