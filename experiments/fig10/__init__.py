"""Fig. 10: personalised selection."""
