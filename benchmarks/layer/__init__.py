"""What the model abstraction layer promises, case by case: `python -m benchmarks.layer [CASE ...] [--quick]`."""
