"""Whether a container speaks the protocol: anybody's, in any language, as docs/protocol.md says.

`python -m clipper.container.conformance -- COMMAND` starts it several times, with the agreed model of `agreed`, and
tries what a good, a broken and a hostile dialer would do.
"""
