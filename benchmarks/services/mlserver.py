"""The models as an MLServer runtime: V2 (Open Inference Protocol) tensors in and out."""

from typing import Any

from mlserver import MLModel  # type: ignore[import-not-found]
from mlserver.codecs import NumpyCodec  # type: ignore[import-not-found]
from mlserver.types import InferenceResponse, ResponseOutput  # type: ignore[import-not-found]

from benchmarks.services.job import Job


class Sums(MLModel):  # type: ignore[misc]
    """A batch arrives as one merged tensor."""

    async def load(self) -> bool:
        self.job = Job.current()
        self.predict_batch = self.job.predict_batch()
        return True

    async def predict(self, payload: Any) -> Any:
        rows = NumpyCodec.decode_input(payload.inputs[0])
        outputs = self.predict_batch(rows if self.job.is_estimator else rows.tolist())
        return InferenceResponse(
            model_name=self.name,
            outputs=[ResponseOutput(name="y", shape=[len(outputs), 1], datatype="FP64", data=outputs)],
        )
