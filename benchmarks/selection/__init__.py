"""What the model selection layer promises: policies on streams and real data, and through a server."""
