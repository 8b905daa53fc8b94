package clipper;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.CharBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;

/** The inputs of one batch, valid during the call. Rows are views, read-only. */
public final class Batch {
    static final int MAX_BATCH = 65_536;
    static final int MAX_DIMENSIONS = 8;

    private final DType dtype;
    private final boolean uniform;
    private final int[][] shapes; // one if uniform, else one for each
    private final int[] offsets; // of each row, and the end
    private final ByteBuffer rows;

    private Batch(DType dtype, boolean uniform, int[][] shapes, int[] offsets, ByteBuffer rows) {
        this.dtype = dtype;
        this.uniform = uniform;
        this.shapes = shapes;
        this.offsets = offsets;
        this.rows = rows;
    }

    public int size() {
        return offsets.length - 1;
    }

    public DType dtype() {
        return dtype;
    }

    /** Whether all rows have one shape. */
    public boolean isUniform() {
        return uniform;
    }

    /** The dimensions of input {@code i}; of bytes and strings the length. */
    public int[] shape(int i) {
        return shapes[uniform ? 0 : i].clone();
    }

    /** The bytes of input {@code i}, little-endian, row-major. */
    public ByteBuffer bytes(int i) {
        return rows.slice(offsets[i], offsets[i + 1] - offsets[i]).order(ByteOrder.LITTLE_ENDIAN);
    }

    /** The numbers of input {@code i}, row-major. Throws IllegalArgumentException if it has other elements. */
    public double[] doubles(int i) {
        require(DType.FLOAT64);
        double[] values = new double[(offsets[i + 1] - offsets[i]) / Double.BYTES];
        bytes(i).asDoubleBuffer().get(values);
        return values;
    }

    public float[] floats(int i) {
        require(DType.FLOAT32);
        float[] values = new float[(offsets[i + 1] - offsets[i]) / Float.BYTES];
        bytes(i).asFloatBuffer().get(values);
        return values;
    }

    public int[] integers(int i) {
        require(DType.INT32);
        int[] values = new int[(offsets[i + 1] - offsets[i]) / Integer.BYTES];
        bytes(i).asIntBuffer().get(values);
        return values;
    }

    /** The text of input {@code i}. Throws IllegalArgumentException if it is no UTF-8, or no string. */
    public String text(int i) {
        require(DType.STRING);
        try {
            CharBuffer text = StandardCharsets.UTF_8.newDecoder().decode(bytes(i));
            return text.toString();
        } catch (CharacterCodingException error) {
            throw new IllegalArgumentException("the input is not UTF-8");
        }
    }

    Batch item(int i) {
        return new Batch(dtype, uniform, new int[][] {shapes[uniform ? 0 : i]},
            new int[] {0, offsets[i + 1] - offsets[i]}, bytes(i));
    }

    private void require(DType wanted) {
        if (dtype != wanted) {
            throw new IllegalArgumentException("the input has elements of type " + dtype + ", not " + wanted);
        }
    }

    /** The body of a PREDICT; throws unless its lengths add up exactly. */
    static Batch decode(ByteBuffer body) throws ProtocolException {
        body.order(ByteOrder.LITTLE_ENDIAN);
        if (body.remaining() < 8) {
            throw new ProtocolException("a PREDICT that ends in its header");
        }
        long size = Integer.toUnsignedLong(body.getInt());
        int code = Byte.toUnsignedInt(body.get());
        int layout = Byte.toUnsignedInt(body.get());
        int ndim = Byte.toUnsignedInt(body.get());
        int place = Byte.toUnsignedInt(body.get());
        if (code >= DType.values().length || layout > 1 || place != 0) {
            throw new ProtocolException("a PREDICT of an unknown type, layout or place");
        }
        DType dtype = DType.values()[code];
        boolean uniform = layout == 0;
        if (size < 1 || size > MAX_BATCH || ndim < 1 || ndim > MAX_DIMENSIONS) {
            throw new ProtocolException("a PREDICT with too few or too many inputs or dimensions");
        }
        if (!dtype.isNumeric() && (uniform || ndim != 1)) {
            throw new ProtocolException("a PREDICT of bytes or strings that is not ragged with one dimension");
        }
        int shapeCount = uniform ? 1 : (int) size;
        int start = (8 + 4 * ndim * shapeCount + 7) / 8 * 8;
        if (body.limit() < start) {
            throw new ProtocolException("a PREDICT that ends in its dimensions");
        }
        int room = body.limit() - start;
        int[][] shapes = new int[shapeCount][ndim];
        int[] offsets = new int[(int) size + 1];
        for (int i = 0; i < shapeCount; i++) {
            offsets[i + 1] = end(offsets[i], readShape(body, shapes[i], dtype, room), room);
        }
        for (int i = shapeCount; i < size; i++) {
            offsets[i + 1] = end(offsets[i], offsets[1], room);
        }
        if (offsets[(int) size] != room) {
            throw new ProtocolException("a PREDICT whose rows are not as long as its dimensions say");
        }
        return new Batch(dtype, uniform, shapes, offsets, body.slice(start, room));
    }

    /** How many bytes a row of the next dimensions has: what is over {@code room} is refused before it can overflow. */
    private static int readShape(ByteBuffer body, int[] shape, DType dtype, int room) throws ProtocolException {
        boolean empty = false;
        for (int j = 0; j < shape.length; j++) {
            shape[j] = body.getInt();
            empty |= shape[j] == 0;
        }
        long bytes = empty ? 0 : dtype.itemBytes;
        for (int each : shape) {
            bytes = empty ? 0 : Integer.toUnsignedLong(each) > room ? Long.MAX_VALUE : bytes * each;
            if (bytes > room) {
                throw new ProtocolException("a PREDICT with an input that is longer than its rows");
            }
        }
        return (int) bytes;
    }

    private static int end(int start, int bytes, int room) throws ProtocolException {
        if (bytes > room - start) {
            throw new ProtocolException("a PREDICT whose rows are not as long as its dimensions say");
        }
        return start + bytes;
    }
}
