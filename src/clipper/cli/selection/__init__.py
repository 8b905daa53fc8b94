"""`clipper app weights`, `policies` and `state`: what was learned, what others would have earned, there and back."""
