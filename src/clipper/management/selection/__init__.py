"""What operators see and steer of the selection layer: what was learned, what else could be, when a test is over."""
