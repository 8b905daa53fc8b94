import clipper.Container;

/** Answers 0 to everything: what the benchmark of containers measures. */
public final class Nothing {
    public static void main(String[] arguments) {
        Container.serve(arguments, "doubles", bundle -> (batch, outputs) -> {
            for (int i = 0; i < batch.size(); i++) {
                outputs.integer(i, 0);
            }
        });
    }
}
