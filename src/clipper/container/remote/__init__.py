"""Models that another server runs, asked over HTTP by the Open Inference Protocol."""
