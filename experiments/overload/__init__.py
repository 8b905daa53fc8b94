"""Overload: what a server does with more queries than it can answer."""
