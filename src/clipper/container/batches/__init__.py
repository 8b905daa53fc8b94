"""One batch on its way through a container: into what the model takes, and from what it gives to one outcome each."""
