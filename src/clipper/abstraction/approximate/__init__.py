"""Answers for inputs that a model version has not seen, from similar ones that it has: pure, without I/O or a clock."""
