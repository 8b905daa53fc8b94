"""Load generators: `clipper bench` beside wrk and hey."""
