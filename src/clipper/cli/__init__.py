"""The `clipper` command: thin over `clipper.client`, with output for people.

Imports what a subcommand needs when it runs, so that `clipper --help` is instant.
"""
