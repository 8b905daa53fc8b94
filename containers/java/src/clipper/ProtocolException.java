package clipper;

/** The peer broke the protocol: its connection ends, and no other. */
final class ProtocolException extends Exception {
    private static final long serialVersionUID = 1;

    ProtocolException(String message) {
        super(message, null, false, false);
    }
}
