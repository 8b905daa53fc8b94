"""Policies that route by what the operator has set: one model, a split of the traffic, a cascade."""
