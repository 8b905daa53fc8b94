"""Which eviction policy the prediction cache should have, and what its approximate part saves and costs."""
