package clipper;

/** Answers a batch. What it throws fails the batch, whose inputs are then tried one by one. */
@FunctionalInterface
public interface Model {
    void predict(Batch batch, Outputs outputs) throws Exception;

    /** Makes the model of a bundle's folder. What it throws is the container's last word: exit code 4. */
    @FunctionalInterface
    interface Loader {
        Model load(java.nio.file.Path bundle) throws Exception;
    }
}
