"""The protocol between a frontend and a model container, version 1, without I/O.

Bytes in, messages out, and back. Owns the frame limits and the session state table; opens no socket, reads no clock.
"""
