"""The prediction cache, and feedback through it."""
