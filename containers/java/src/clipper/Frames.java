package clipper;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/** The frames of the protocol: a 16-byte header, then a body. */
final class Frames {
    static final int HELLO = 1, WELCOME = 2, REJECT = 3, PREDICT = 4, RESULT = 5, PING = 6, PONG = 7, GOODBYE = 8;
    static final int HEADER = 16;
    static final int MAX_BODY = 64 << 20;
    static final int MAX_HANDSHAKE = 64 << 10;

    private Frames() {}

    static ByteBuffer begin(int type, long id, int length) {
        ByteBuffer frame = ByteBuffer.allocate(HEADER + length).order(ByteOrder.LITTLE_ENDIAN);
        return frame.putInt(length).put((byte) type).put((byte) 0).putShort((short) 0).putLong(id);
    }

    static ByteBuffer empty(int type, long id) {
        return begin(type, id, 0).flip();
    }

    static ByteBuffer json(int type, String text) {
        byte[] body = text.getBytes(StandardCharsets.UTF_8);
        return begin(type, 0, body.length).put(body).flip();
    }
}
