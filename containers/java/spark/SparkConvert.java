import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.apache.spark.ml.Transformer;
import org.apache.spark.ml.linalg.SQLDataTypes;
import org.apache.spark.ml.linalg.Vector;
import org.apache.spark.ml.linalg.Vectors;
import org.apache.spark.ml.util.DefaultParamsReader;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.StructType;

/**
 * Makes `model.ser` of a model that spark.ml saved to a folder, once, where it is deployed: `SparkConvert FOLDER FILE`.
 *
 * <p>The answers without a session are compared with those of `transform` on random rows; a model whose answers differ,
 * or that needs data frames, is refused (exit code 1, the reason on the last line).
 */
public final class SparkConvert {
    private static final int ROWS = 64;

    public static void main(String[] arguments) {
        try (SparkSession session = SparkSession.builder().master("local[1]").config("spark.ui.enabled", "false")
            .config("spark.driver.host", "127.0.0.1").config("spark.driver.bindAddress", "127.0.0.1")
            .config("spark.log.level", "ERROR").getOrCreate()) {
            Transformer saved = (Transformer) DefaultParamsReader.loadParamsInstance(arguments[0], session.sparkContext());
            SparkModel model = SparkModel.of(saved);
            compare(session, saved, model);
            model.write(Path.of(arguments[1]));
            System.out.println("{\"features\": " + model.features() + ", \"scores\": " + model.hasScores() + ", \"bytes\": "
                + Files.size(Path.of(arguments[1])) + "}");
        } catch (Exception error) {
            error.printStackTrace();
            System.err.println("Converting " + arguments[0] + " failed: " + error.getMessage());
            System.exit(1);
        }
    }

    private static void compare(SparkSession session, Transformer saved, SparkModel model) {
        Random random = new Random(0);
        List<Row> rows = new ArrayList<>();
        for (int i = 0; i < ROWS; i++) {
            double[] values = random.doubles(model.features(), 0, 1 << (i % 8)).toArray();
            rows.add(RowFactory.create(Vectors.dense(values)));
        }
        StructType schema = new StructType().add(model.column(), SQLDataTypes.VectorType());
        List<Row> answers = saved.transform(session.createDataFrame(rows, schema)).select("prediction").collectAsList();
        for (int i = 0; i < ROWS; i++) {
            double expected = ((Number) answers.get(i).get(0)).doubleValue();
            double direct = model.predict(((Vector) rows.get(i).get(0)).toArray());
            if (Math.abs(direct - expected) > 1e-9 * Math.max(1, Math.abs(expected))) {
                throw new IllegalStateException("without a session it predicts " + direct + " where transform says "
                    + expected + ": serve it with pyspark");
            }
        }
    }
}
