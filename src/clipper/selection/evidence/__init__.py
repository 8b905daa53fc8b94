"""What feedback proves: calibrated confidence, what other policies would have earned, when a test is over."""
