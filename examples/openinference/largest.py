"""A model of MLServer's: which number of each input is the largest."""

from mlserver import MLModel  # type: ignore[import-not-found]
from mlserver.codecs import NumpyCodec  # type: ignore[import-not-found]
from mlserver.errors import InferenceError  # type: ignore[import-not-found]
from mlserver.types import InferenceRequest, InferenceResponse  # type: ignore[import-not-found]


class Largest(MLModel):  # type: ignore[misc]
    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        batch = NumpyCodec.decode_input(payload.inputs[0])
        if (batch < 0).any():
            raise InferenceError("a number is below 0")
        return InferenceResponse(
            model_name=self.name, outputs=[NumpyCodec.encode_output("largest", batch.argmax(axis=1))]
        )
