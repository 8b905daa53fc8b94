"""Fig. 11: other serving systems."""
