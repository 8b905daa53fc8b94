"""Fig. 3: latency against batch size."""
