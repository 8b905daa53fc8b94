"""Fig. 5: delayed batching."""
