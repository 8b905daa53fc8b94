"""Every selection policy by name: those of this package, and those that installed packages offer.

To add one here: a file of its own, and a line below. A package of its own offers one as an entry point of the group
`clipper.policies`: a name, and a subclass of `Policy` (or whatever makes one of a `policy_config`).
"""

from collections.abc import Callable
from importlib.metadata import entry_points
from typing import Any, TypeAlias

from clipper.core.errors import ClipperError, invalid
from clipper.selection.bandits.epsilon_greedy import EpsilonGreedy
from clipper.selection.bandits.exp3 import Exp3
from clipper.selection.bandits.thompson import Thompson
from clipper.selection.bandits.tracking import Tracking
from clipper.selection.bandits.ucb1 import Ucb1
from clipper.selection.ensembles.average import Average
from clipper.selection.ensembles.exp4 import Exp4
from clipper.selection.ensembles.hedge import Hedge
from clipper.selection.ensembles.jury import Jury
from clipper.selection.ensembles.majority import Majority
from clipper.selection.evidence.calibration import Calibrated
from clipper.selection.personal.linucb import LinUcb
from clipper.selection.personal.split_model import SplitModel
from clipper.selection.policy import Policy
from clipper.selection.routing.cascade import Cascade
from clipper.selection.routing.split import Split
from clipper.selection.routing.static import Static

ENTRY_POINTS = "clipper.policies"

FORMATIVE = ("calibrated", "verdict")
"""Settings on which the form of a state depends, or what it counts: a test begins when it is set up."""

Maker: TypeAlias = Callable[[dict[str, Any]], Policy]

POLICIES: dict[str, Maker] = {
    "static": Static,
    "split": Split,
    "cascade": Cascade,
    "epsilon_greedy": EpsilonGreedy,
    "ucb1": Ucb1,
    "thompson": Thompson,
    "exp3": Exp3,
    "tracking": Tracking,
    "majority": Majority,
    "average": Average,
    "exp4": Exp4,
    "hedge": Hedge,
    "jury": Jury,
    "linucb": LinUcb,
    "split_model": SplitModel,
}


def policy_named(name: str, config: dict[str, Any]) -> Policy:
    """A policy with its settings. `"calibrated": true` is a setting of all.

    Raises INVALID_ARGUMENT listing the names that exist, or naming the setting that is wrong.
    """
    maker = POLICIES.get(name) or _offered(name)
    own = {key: value for key, value in config.items() if key != "calibrated"}
    wanted = config.get("calibrated", False)
    if not isinstance(wanted, bool):
        raise invalid("Invalid policy_config: field 'calibrated': expected true or false")
    policy = maker(own)
    scale = own.get("scale", 0.0)  # the policy has checked it, if it knows such a setting
    return Calibrated(policy, float(scale) if isinstance(scale, int | float) else 0.0) if wanted else policy


def keeps_states(before: tuple[str, dict[str, Any]], after: tuple[str, dict[str, Any]]) -> bool:
    """Whether what was learned under one (name, settings) can be used under another.

    Another policy has states of another form. So may another setting give them to a policy that we do not know.
    """
    (old, old_config), (new, new_config) = before, after
    if old != new:
        return False
    if new not in POLICIES:
        return old_config == new_config
    return all(old_config.get(key) == new_config.get(key) for key in FORMATIVE)


def _offered(name: str) -> Maker:
    """What an installed package offers under that name."""
    found = entry_points(group=ENTRY_POINTS)
    if name not in found.names:
        expected = ", ".join([*POLICIES, *sorted(found.names)])
        raise invalid(f"Invalid policy {name[:80]!r}: expected one of {expected}")
    try:
        maker: Maker = found[name].load()
    except ClipperError:
        raise
    except Exception as error:
        raise invalid(f"Policy '{name}' of an installed package cannot be loaded: {error!r}") from error
    return maker
