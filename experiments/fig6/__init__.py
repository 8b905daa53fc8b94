"""Fig. 6: scaling over replicas behind a network."""
