"""The model selection layer: which models to ask, how to combine their outputs, what to learn from feedback.

One small file per policy, pure functions of a state. Time and randomness are arguments; a policy never sees a socket.
"""
