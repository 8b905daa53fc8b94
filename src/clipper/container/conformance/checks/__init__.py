"""What is checked, by subject; each module lists its checks in CHECKS."""
