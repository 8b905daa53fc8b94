"""The machine of a result, without what differs from run to run and says nothing."""

from benchmarks.machine import describe_machine, describe_occasion

SAID = ("date", "processor", "memory", "Python", "Clipper", "load average at the start")


def machine() -> dict[str, str]:
    """Names and values."""
    found = describe_occasion() | describe_machine()
    return {name: found[name] for name in SAID}
