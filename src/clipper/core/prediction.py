"""Why a query was answered with its application's default output, in the original Clipper's words where it had any."""

SLO_MISSED = "Failed to retrieve a prediction response within the specified latency SLO"
NO_MODELS = "No connected models found for query"

UNSURE = "confidence below the threshold"
"""Ours: what defaults are counted under that were answered because the models' answer was not sure enough."""


def unsure(confidence: float, threshold: float) -> str:
    """The explanation of such a default."""
    return f"The confidence {confidence:.4g} is below the application's threshold {threshold:.4g}"


OVERLOADED = "The model is overloaded: an answer within the latency SLO was not possible any more"
"""Ours: said as soon as it is known, on arrival or in the queue, instead of at the deadline."""
