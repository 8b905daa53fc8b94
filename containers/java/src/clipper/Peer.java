package clipper;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.SocketChannel;

/** A frontend or the controller. Holds one frame of it at a time: the next ones wait in the socket. */
final class Peer {
    static final long PATIENCE_NS = 5_000_000_000L; // for a peer that stops in the middle of something
    private static final int KEPT_BUFFER = 8 << 20; // what is larger is given back

    final SocketChannel channel;
    boolean welcome;
    /** When our patience ends, in the time of System.nanoTime; meaningless unless {@code timed}. */
    long overdueAt = System.nanoTime() + PATIENCE_NS;
    boolean timed = true;

    private final ByteBuffer head = ByteBuffer.allocateDirect(Frames.HEADER).order(ByteOrder.LITTLE_ENDIAN);
    private ByteBuffer buffer = ByteBuffer.allocateDirect(4096);
    private ByteBuffer body;
    private ByteBuffer unsent;

    Peer(SocketChannel channel) {
        this.channel = channel;
    }

    boolean isBlocked() {
        return unsent != null;
    }

    boolean hasFrame() {
        return body != null && !body.hasRemaining();
    }

    boolean hasWork() {
        return hasFrame() && !isBlocked();
    }

    boolean isOverdue(long now) {
        return timed && overdueAt - now <= 0 && !hasWork();
    }

    int type() {
        return head.get(4);
    }

    long id() {
        return head.getLong(8);
    }

    ByteBuffer body() {
        return body.duplicate().flip();
    }

    /** Reads as much of the frame at hand as is there. False: the peer has gone. */
    boolean receive() throws ProtocolException {
        try {
            while (!hasFrame()) {
                int got = channel.read(body == null ? head : body);
                if (got < 0) {
                    return false;
                }
                if (got == 0) {
                    break;
                }
                if (body == null && !head.hasRemaining()) {
                    checkHead();
                }
            }
        } catch (IOException error) {
            return false;
        }
        setTimer();
        return true;
    }

    /** The frame at hand is done with. */
    void nextFrame() {
        head.clear();
        body = null;
        if (buffer.capacity() > KEPT_BUFFER) {
            buffer = ByteBuffer.allocateDirect(4096);
        }
        setTimer();
    }

    /** Sends {@code data} as far as the peer takes it, and keeps the rest. False: the peer has gone. */
    boolean send(ByteBuffer data) {
        if (unsent == null) {
            unsent = data;
        } else {
            unsent = ByteBuffer.allocate(unsent.remaining() + data.remaining()).put(unsent).put(data).flip();
        }
        return flush();
    }

    boolean flush() {
        try {
            while (unsent != null) {
                int sent = channel.write(unsent);
                if (!unsent.hasRemaining()) {
                    unsent = null;
                } else if (sent == 0) {
                    break;
                }
            }
        } catch (IOException error) {
            return false;
        }
        setTimer();
        return true;
    }

    void close() {
        try {
            channel.close();
        } catch (IOException error) {
            Container.log("Closing a link failed: " + error);
        }
    }

    private void checkHead() throws ProtocolException {
        long length = Integer.toUnsignedLong(head.getInt(0));
        if (type() < Frames.HELLO || type() > Frames.GOODBYE || head.get(5) != 0 || head.getShort(6) != 0) {
            throw new ProtocolException("no frame");
        }
        if (length > (welcome ? Frames.MAX_BODY : Frames.MAX_HANDSHAKE)) {
            throw new ProtocolException("a body over the limit");
        }
        boolean allowed = welcome ? type() >= Frames.PREDICT && type() != Frames.RESULT : type() == Frames.HELLO;
        if (!allowed) {
            throw new ProtocolException("a message that is not expected here");
        }
        if (length > buffer.capacity()) {
            buffer = ByteBuffer.allocateDirect((int) length);
        }
        body = buffer.duplicate().clear().limit((int) length);
    }

    /** The handshake has one deadline; later the peer has one whenever it is its turn to move. */
    private void setTimer() {
        if (welcome) {
            timed = isBlocked() || (!hasFrame() && head.position() > 0);
            overdueAt = System.nanoTime() + PATIENCE_NS;
        }
    }
}
