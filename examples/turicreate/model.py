"""Answers with Turi Create, in the container for old Pythons: the class of each row of numbers."""

import turicreate
from numpy import stack


def load(bundle):  # type: ignore[no-untyped-def]
    """The function of a batch: rows of as many numbers as the model has features, in their order."""
    turicreate.config.set_runtime_config("TURI_DEFAULT_NUM_PYLAMBDA_WORKERS", 1)
    model = turicreate.load_model(str(bundle / "trees.model"))
    features = model.features

    def predict_batch(inputs):  # type: ignore[no-untyped-def]
        rows = stack(inputs)
        if rows.shape[1:] != (len(features),):
            raise ValueError("an input of shape %r; expected %d numbers" % (rows.shape[1:], len(features)))  # noqa: UP031  as old as its Python
        columns = {}
        for place, name in enumerate(features):
            columns[name] = rows[:, place]
        return list(model.predict(turicreate.SFrame(columns)))

    return predict_batch
