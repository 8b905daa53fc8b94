package clipper;

/** The type of an input's elements, in the order of their codes. */
public enum DType {
    BYTES(1), INT32(4), FLOAT32(4), FLOAT64(8), STRING(1), UINT8(1);

    public final int itemBytes;

    DType(int itemBytes) {
        this.itemBytes = itemBytes;
    }

    boolean isNumeric() {
        return this != BYTES && this != STRING;
    }
}
