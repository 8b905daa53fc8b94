"""`clipper bench`: load on one application, from a rate or a recorded trace, and an honest account of what became of
it.

Latencies count from the moment a query was due, whatever became of the earlier ones: a server that stalls cannot slow
the load down and so hide the stall (coordinated omission).
"""
