"""Policies that learn a model of their own for each context, from inputs or from what the models say."""
