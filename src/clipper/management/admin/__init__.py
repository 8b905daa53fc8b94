"""The HTTP edge of the management plane: the original's REST paths and ours, authentication, metrics.

Decodes, calls an operation, encodes. Decides nothing about models.
"""
