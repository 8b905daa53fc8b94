import clipper.Batch;
import clipper.Container;
import clipper.Model;
import clipper.Outputs;
import java.util.Arrays;
import java.util.Set;

/** Serves `model.ser`, which SparkConvert made, without Spark: `SparkContainer labels|scores`. */
public final class SparkContainer {
    public static void main(String[] arguments) {
        String output = arguments[0];
        Container.serve(arguments, "doubles", bundle -> {
            SparkModel model = SparkModel.read(bundle.resolve("model.ser"));
            if (!Set.of("labels", "scores").contains(output) || (output.equals("scores") && !model.hasScores())) {
                throw new IllegalArgumentException("output " + output + " is not labels, or scores of a classifier");
            }
            Model predict = (batch, outputs) -> predict(model, output.equals("scores"), batch, outputs);
            return predict;
        });
    }

    private static void predict(SparkModel model, boolean scores, Batch batch, Outputs outputs) {
        for (int i = 0; i < batch.size(); i++) {
            try {
                if (scores) {
                    outputs.json(i, json(model.scores(batch.doubles(i))));
                } else {
                    outputs.number(i, model.predict(batch.doubles(i)));
                }
            } catch (IllegalArgumentException error) {
                outputs.fail(i, error.getMessage());
            }
        }
    }

    private static String json(double[] scores) {
        if (!Arrays.stream(scores).allMatch(Double::isFinite)) {
            throw new IllegalArgumentException("a score is not a finite number");
        }
        return Arrays.toString(scores);
    }
}
