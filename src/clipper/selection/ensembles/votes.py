"""Weighted votes on labels: equal JSON texts are one label."""

from collections.abc import Callable, Sequence

from clipper.selection.policy import Answer, Outputs

ROUNDING = 1e-9
"""What sums of shares may be off by."""


def shares_of_outputs(outputs: Outputs, shares: Sequence[float]) -> dict[bytes, float]:
    """The weight behind each label, in the order in which members name them."""
    behind: dict[bytes, float] = {}
    for output, share in zip(outputs, shares, strict=True):
        if output is not None:
            behind[output] = behind.get(output, 0.0) + share
    return behind


def vote(outputs: Outputs, shares: Sequence[float], standing: Callable[[int], float]) -> Answer | None:
    """The label with the most weight behind it; a tie goes to the side whose best member has the highest standing.

    `standing` is asked for the places of members.
    """
    unanimous = agreed(outputs, shares)
    if unanimous is not None:
        return unanimous
    behind = shares_of_outputs(outputs, shares)
    if not behind:
        return None
    winner = max(behind, key=behind.__getitem__)
    close = [label for label, weight in behind.items() if weight >= behind[winner] - ROUNDING]
    if len(close) > 1:
        best = {
            label: max([standing(place) for place, output in enumerate(outputs) if output == label]) for label in close
        }
        winner = max(close, key=best.__getitem__)
    return elected(winner, behind[winner], outputs, shares)


def agreed(outputs: Outputs, shares: Sequence[float]) -> Answer | None:
    """The answer if all that have arrived say the same, as mostly: then there is nothing to count."""
    missing = outputs.count(None)
    said = outputs[0]
    if said is None:
        said = next((output for output in outputs if output is not None), None)
    if said is None or outputs.count(said) + missing != len(outputs):
        return None
    if not missing:
        return Answer(said, 1.0, tuple(shares))
    weight = sum([share for output, share in zip(outputs, shares, strict=True) if output is not None])
    return elected(said, weight, outputs, shares)


def elected(winner: bytes, weight: float, outputs: Outputs, shares: Sequence[float], propensity: float = 1.0) -> Answer:
    """The answer that one label is, with its share of all members' weight as the confidence."""
    divisor = weight or 1.0
    contributions = [
        share / divisor if output == winner else 0.0 for output, share in zip(outputs, shares, strict=True)
    ]
    confidence = 1.0 if weight > 1.0 - ROUNDING else weight
    return Answer(winner, confidence, tuple(contributions), propensity)


def is_vote_decided(outputs: Outputs, shares: Sequence[float]) -> bool:
    """Whether the leading label keeps its lead whatever those who are missing say."""
    gaps = outputs.count(None)
    if not gaps:
        return True
    missing = sum([share for output, share in zip(outputs, shares, strict=True) if output is None])
    if missing >= 0.5:  # they can outvote all others together
        return False
    said = outputs[0]
    if said is not None and outputs.count(said) + gaps == len(outputs):
        return missing < 0.5 - ROUNDING  # the others agree
    ranked = sorted(shares_of_outputs(outputs, shares).values(), reverse=True)
    if not ranked:
        return False
    second = ranked[1] if len(ranked) > 1 else 0.0
    return ranked[0] > second + missing + ROUNDING


def fewest_deciding(shares: Sequence[float]) -> int:
    """How many members it takes, if all of them agree, to have more weight than the others."""
    together = 0.0
    for count, share in enumerate(sorted(shares, reverse=True), 1):
        together += share
        if together > 0.5 + ROUNDING:
            return count
    return len(shares)
