package clipper;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/** Where a model puts one outcome for each input, in any order; an input without one has failed. */
public final class Outputs {
    private static final int FAILED = 1 << 31;
    private static final int MAX_MESSAGE_CHARACTERS = 1000;

    private final byte[][] items;
    private final boolean[] failed;

    Outputs(int size) {
        items = new byte[size][];
        failed = new boolean[size];
    }

    public int size() {
        return items.length;
    }

    /** NaN and infinities fail: JSON has none. */
    public void number(int i, double value) {
        if (Double.isFinite(value)) {
            json(i, Double.toString(value)); // 1.0E10 is JSON too
        } else {
            fail(i, "the output is not a finite number");
        }
    }

    public void integer(int i, long value) {
        json(i, Long.toString(value));
    }

    public void text(int i, String value) {
        json(i, Json.quote(value));
    }

    /** JSON text, taken as it is. */
    public void json(int i, String text) {
        items[i] = text.getBytes(StandardCharsets.UTF_8);
        failed[i] = false;
    }

    public void fail(int i, String message) {
        String text = message == null ? "the model gave no reason" : message;
        items[i] = text.substring(0, Math.min(text.length(), MAX_MESSAGE_CHARACTERS)).getBytes(StandardCharsets.UTF_8);
        failed[i] = true;
    }

    void take(int i, Outputs alone) {
        items[i] = alone.items[0];
        failed[i] = alone.failed[0];
    }

    /** A RESULT frame. */
    ByteBuffer encode(long id, long computeNs) {
        long length = 16 + 4L * items.length;
        for (int i = 0; i < items.length; i++) {
            if (items[i] == null) {
                fail(i, "the model gave no output");
            }
            length += items[i].length;
        }
        if (length > Frames.MAX_BODY) {
            Outputs failures = new Outputs(items.length);
            for (int i = 0; i < items.length; i++) {
                failures.fail(i, "the outputs of the batch are too large");
            }
            return failures.encode(id, computeNs);
        }
        ByteBuffer frame = Frames.begin(Frames.RESULT, id, (int) length);
        frame.putInt(items.length).putInt(0).putLong(computeNs);
        for (int i = 0; i < items.length; i++) {
            frame.putInt(items[i].length | (failed[i] ? FAILED : 0));
        }
        for (byte[] item : items) {
            frame.put(item);
        }
        return frame.flip().order(ByteOrder.LITTLE_ENDIAN);
    }
}
