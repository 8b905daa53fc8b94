"""The load generator. An open loop: requests leave on a schedule of their own, whether or not earlier were answered.

A closed loop slows down with the system it measures, and so hides its stalls. Here arrivals are a Poisson process and
every latency counts from the moment at which the request was due, so a stall of the system (or of the generator) is
paid for by every query it delayed. It carries closed loops too, for what a system can do at most.
"""
