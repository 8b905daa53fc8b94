"""The rule for names of applications, models and versions."""

import re

from clipper.core.errors import invalid

MAX_NAME_LENGTH = 63
"""The length of a DNS label, so that every name can be a host or a Kubernetes object."""

_DNS_1123_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?\Z")

RESERVED_APPLICATION_NAMES = frozenset({"metrics", "health", "live", "ready", "v1", "v2", "admin"})
"""First path segments that the query frontend itself answers."""


def check_name(field: str, name: str) -> str:
    """Return `name` if it is a DNS-1123 label, else raise INVALID_ARGUMENT naming `field`."""
    if len(name) <= MAX_NAME_LENGTH and _DNS_1123_LABEL.match(name):
        return name
    raise invalid(
        f"Invalid {field} {name[:80]!r}: expected a DNS-1123 label: lower case letters, digits or '-', "
        f"starting and ending with a letter or digit, at most {MAX_NAME_LENGTH} characters"
    )
