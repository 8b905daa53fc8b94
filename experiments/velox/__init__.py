"""Velox: a split model, personal weights over shared features."""
