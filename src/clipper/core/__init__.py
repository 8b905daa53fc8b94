"""The nouns every other layer speaks: ids, queries, predictions, feedback, errors, clock and deadlines.

Imports nothing of the package. Does no I/O and knows no HTTP; the clock lives here and is handed to whoever needs time.
"""
