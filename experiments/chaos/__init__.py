"""Chaos: everything killed at random under load."""
