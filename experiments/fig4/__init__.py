"""Fig. 4: batching strategies."""
