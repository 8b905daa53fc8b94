"""Python clients for applications and for operators.

Speaks HTTP only: whatever the client can do, any other program can do with the same requests.
"""
