"""Containers that are not ours: any program that speaks the protocol, started with the arguments that ours gets.

Used by who tries one out (a dry run, the conformance driver); replicas are started by the controller's launchers.
"""
