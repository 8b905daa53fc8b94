"""Who broke the protocol: we did (a bug), or the peer did (close that connection, harm nobody else)."""

from clipper.core.errors import ClipperError, ErrorCode


class LocalProtocolError(ClipperError):
    """We tried to send what the state machine does not allow."""

    def __init__(self, message: str) -> None:
        super().__init__(ErrorCode.PROTOCOL, message)


class RemoteProtocolError(ClipperError):
    """The peer sent what the protocol does not allow; its connection cannot be used any longer."""

    def __init__(self, message: str) -> None:
        super().__init__(ErrorCode.PROTOCOL, message)
