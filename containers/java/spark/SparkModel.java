import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.ObjectInputStream;
import java.io.ObjectOutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.apache.spark.ml.Model;
import org.apache.spark.ml.PipelineModel;
import org.apache.spark.ml.PredictionModel;
import org.apache.spark.ml.Transformer;
import org.apache.spark.ml.classification.ProbabilisticClassificationModel;
import org.apache.spark.ml.clustering.KMeansModel;
import org.apache.spark.ml.feature.StandardScalerModel;
import org.apache.spark.ml.linalg.Vector;
import org.apache.spark.ml.linalg.Vectors;

/**
 * A fitted spark.ml model that answers vectors without a Spark session: scalers, and then what predicts.
 *
 * <p>Spark's own objects, written and read by Java's serialisation, which is as unsafe as pickle (only files that one
 * trusts) and holds for the version of Spark that wrote it.
 */
final class SparkModel {
    private final List<StandardScalerModel> scalers = new ArrayList<>();
    private final Model<?> last;

    /** Throws IllegalArgumentException naming a stage that needs data frames. */
    private SparkModel(List<?> stages) {
        for (Object stage : stages.subList(0, stages.size() - 1)) {
            if (!(stage instanceof StandardScalerModel)) {
                throw new IllegalArgumentException(name(stage) + " works on data frames only; before the last stage a"
                    + " vector can pass StandardScalerModel only: serve this pipeline with pyspark");
            }
            scalers.add((StandardScalerModel) stage);
        }
        Object found = stages.get(stages.size() - 1);
        if (!(found instanceof PredictionModel) && !(found instanceof KMeansModel)) {
            throw new IllegalArgumentException(name(found) + " does not predict from a vector: serve it with pyspark");
        }
        last = (Model<?>) found;
    }

    /** What a pipeline, or a model alone, does with a vector. */
    static SparkModel of(Transformer model) {
        return new SparkModel(model instanceof PipelineModel ? List.of(((PipelineModel) model).stages()) : List.of(model));
    }

    static SparkModel read(Path path) throws IOException, ClassNotFoundException {
        try (ObjectInputStream stream = new ObjectInputStream(new BufferedInputStream(Files.newInputStream(path)))) {
            return new SparkModel((List<?>) stream.readObject());
        }
    }

    void write(Path path) throws IOException {
        List<Object> stages = new ArrayList<>(scalers);
        stages.add(last);
        try (ObjectOutputStream stream = new ObjectOutputStream(new BufferedOutputStream(Files.newOutputStream(path)))) {
            stream.writeObject(stages);
        }
    }

    /** How many numbers an input has. */
    int features() {
        return last instanceof KMeansModel ? ((KMeansModel) last).clusterCenters()[0].size()
            : ((PredictionModel<?, ?>) last).numFeatures();
    }

    /** The name of the column that holds the vectors, in a data frame for the whole pipeline. */
    String column() {
        if (!scalers.isEmpty()) {
            return scalers.get(0).getInputCol();
        }
        return last instanceof KMeansModel ? ((KMeansModel) last).getFeaturesCol()
            : ((PredictionModel<?, ?>) last).getFeaturesCol();
    }

    /** The label, the value of a regression, or the number of the cluster. */
    @SuppressWarnings("unchecked")
    double predict(double[] values) {
        Vector vector = scaled(values);
        return last instanceof KMeansModel ? ((KMeansModel) last).predict(vector)
            : ((PredictionModel<Vector, ?>) last).predict(vector);
    }

    /** Whether there are probabilities of classes. */
    boolean hasScores() {
        return last instanceof ProbabilisticClassificationModel;
    }

    /** The probabilities of the classes. */
    @SuppressWarnings("unchecked")
    double[] scores(double[] values) {
        return ((ProbabilisticClassificationModel<Vector, ?>) last).predictProbability(scaled(values)).toArray();
    }

    private Vector scaled(double[] values) {
        if (values.length != features()) {
            throw new IllegalArgumentException("expected " + features() + " numbers, got " + values.length);
        }
        double[] result = values;
        for (StandardScalerModel scaler : scalers) {
            result = scaled(result, scaler);
        }
        return Vectors.dense(result);
    }

    /** As Spark does it: a feature whose deviation is 0 becomes 0. */
    private static double[] scaled(double[] values, StandardScalerModel scaler) {
        double[] result = values.clone();
        for (int i = 0; i < result.length; i++) {
            double deviation = scaler.std().apply(i);
            double centred = scaler.getWithMean() ? result[i] - scaler.mean().apply(i) : result[i];
            result[i] = !scaler.getWithStd() ? centred : deviation == 0 ? 0 : centred * (1 / deviation);
        }
        return result;
    }

    private static String name(Object stage) {
        return stage.getClass().getSimpleName();
    }
}
