"""Fig. 7: ensembles and confidence."""
