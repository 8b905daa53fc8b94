"""Fig. 8: Exp3 and Exp4 while the best model fails."""
