"""Every selection policy by name. To add one: a file of its own, and a line here."""

from clipper.core.errors import invalid
from clipper.selection.majority import Majority
from clipper.selection.policy import Policy
from clipper.selection.static import Static

POLICIES: dict[str, Policy] = {"static": Static(), "majority": Majority()}


def policy_named(name: str) -> Policy:
    """Raises INVALID_ARGUMENT listing the names that exist."""
    policy = POLICIES.get(name)
    if policy is None:
        raise invalid(f"Invalid policy {name[:80]!r}: expected one of {', '.join(POLICIES)}")
    return policy
