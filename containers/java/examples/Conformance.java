import clipper.Batch;
import clipper.Container;
import clipper.DType;
import clipper.Json;
import clipper.Outputs;
import java.util.Arrays;
import java.util.stream.DoubleStream;
import java.util.stream.IntStream;

/** The agreed model of the conformance driver: see docs/protocol.md. */
public final class Conformance {
    public static void main(String[] arguments) {
        Container.serve(arguments, "doubles", bundle -> Conformance::predict);
    }

    private static void predict(Batch batch, Outputs outputs) throws InterruptedException {
        for (int i = 0; i < batch.size(); i++) {
            try {
                answer(batch, i, outputs);
            } catch (IllegalArgumentException error) {
                outputs.fail(i, error.getMessage());
            }
        }
    }

    private static void answer(Batch batch, int i, Outputs outputs) throws InterruptedException {
        String described = "{\"type\": \"" + batch.dtype().name().toLowerCase() + "\", \"shape\": "
            + Arrays.toString(batch.shape(i));
        if (!batch.bytes(i).hasRemaining()) {
            throw new IllegalArgumentException("no elements");
        }
        if (batch.dtype() == DType.STRING) {
            String text = batch.text(i);
            if (text.startsWith("fail")) {
                throw new IllegalArgumentException(text);
            }
            if (text.startsWith("sleep ")) {
                Thread.sleep(Long.parseLong(text.substring("sleep ".length())));
            }
            outputs.json(i, described + ", \"text\": " + Json.quote(text) + "}");
            return;
        }
        double sum = sum(batch, i);
        if (!Double.isFinite(sum)) {
            throw new IllegalArgumentException("the sum is not a finite number");
        }
        outputs.json(i, described + ", \"sum\": " + sum + "}");
    }

    private static double sum(Batch batch, int i) {
        switch (batch.dtype()) {
            case INT32:
                return IntStream.of(batch.integers(i)).asDoubleStream().sum();
            case FLOAT32:
                double total = 0;
                for (float each : batch.floats(i)) {
                    total += each;
                }
                return total;
            case FLOAT64:
                return DoubleStream.of(batch.doubles(i)).sum();
            default:
                long bytes = 0;
                for (var rest = batch.bytes(i); rest.hasRemaining();) {
                    bytes += Byte.toUnsignedInt(rest.get());
                }
                return bytes;
        }
    }
}
