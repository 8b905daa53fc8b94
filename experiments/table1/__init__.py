"""Table 1: the data sets."""
