"""Ensembles of trees, in the text and JSON formats of their own libraries."""
