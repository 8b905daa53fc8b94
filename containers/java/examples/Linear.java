import clipper.Batch;
import clipper.Container;
import clipper.Outputs;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;

/**
 * A linear classifier: {@code weights.txt} of the bundle has one line for each class, its bias and then its weights. The
 * output is the number of the class with the largest score.
 */
public final class Linear {
    private final double[][] classes;

    private Linear(double[][] classes) {
        this.classes = classes;
    }

    public static void main(String[] arguments) {
        Container.serve(arguments, "doubles", bundle -> read(bundle.resolve("weights.txt"))::predict);
    }

    private static Linear read(Path path) throws IOException {
        List<String> lines = Files.readAllLines(path);
        double[][] classes = new double[lines.size()][];
        for (int i = 0; i < classes.length; i++) {
            try {
                classes[i] = Arrays.stream(lines.get(i).trim().split("\\s+")).mapToDouble(Double::parseDouble).toArray();
            } catch (NumberFormatException error) {
                classes[i] = new double[0];
            }
            if (classes[i].length < 2 || classes[i].length != classes[0].length) {
                throw new IOException(path.getFileName() + ": line " + (i + 1)
                    + " is not a bias and as many weights as the line before has");
            }
        }
        if (classes.length == 0) {
            throw new IOException(path.getFileName() + " is empty");
        }
        return new Linear(classes);
    }

    private void predict(Batch batch, Outputs outputs) {
        for (int i = 0; i < batch.size(); i++) {
            double[] values = batch.doubles(i);
            if (values.length != classes[0].length - 1) {
                outputs.fail(i, "expected " + (classes[0].length - 1) + " numbers, got " + values.length);
                continue;
            }
            int best = 0;
            double highest = Double.NEGATIVE_INFINITY;
            for (int label = 0; label < classes.length; label++) {
                double score = classes[label][0];
                for (int j = 0; j < values.length; j++) {
                    score += classes[label][j + 1] * values[j];
                }
                if (score > highest) {
                    best = label;
                    highest = score;
                }
            }
            outputs.integer(i, best);
        }
    }
}
