"""One query and one feedback, from decoded request to prediction: joins selection with abstraction.

Knows no HTTP. Owns the deadline of a query: it answers by then, with the default output if nothing better came.
"""
