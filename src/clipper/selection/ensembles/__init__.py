"""Policies that ask all linked models and make one answer of what they say."""
