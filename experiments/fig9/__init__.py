"""Fig. 9: stragglers in ensembles."""
