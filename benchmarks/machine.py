"""What the figures were measured on and with."""

import os
import platform
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import clipper
from benchmarks.environment import REQUIREMENTS, Unavailable, program
from benchmarks.peers.target import REPOSITORY, Target

QUIET = 0.5  # a higher load average, and somebody else is using the cores


@dataclass(frozen=True)
class Run:
    """How figures were made."""

    command: str
    machine: Mapping[str, str]
    occasion: Mapping[str, str]

    def facts(self) -> str:
        """All of it, as a list."""
        return _list({**self.occasion, **self.machine, "command": f"`{self.command}`"})

    def lasting(self) -> str:
        """What was so in every run on this machine, as a list."""
        return _list(self.machine)

    def stamp(self) -> str:
        """What was so in this run alone, as a sentence."""
        return f"Measured by `{self.command}`; " + ", ".join(f"{name} {value}" for name, value in self.occasion.items())


def this_run(command: str) -> Run:
    """What can be said before anything is measured."""
    return Run(command, describe_machine(), describe_occasion())


def describe_occasion() -> dict[str, str]:
    """Names and values of what another run on the same machine would have differently."""
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "Clipper": f"{clipper.__version__}, commit {_commit()}",
        "load average at the start": _load(),
    }


def describe_machine() -> dict[str, str]:
    """Names and values for the head of the report. Nothing that tells machines of one kind apart."""
    return {
        "processor": f"{_cpu()}, {os.cpu_count()} cores",
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB",
        "system": f"{_distribution()}, Linux {platform.release().split('-')[0]}",
        "Python": f"{platform.python_implementation()} {platform.python_version()}",
        "load generator": f"benchmarks/openloop; wrk {_version('wrk', '-v')}, one thread, where it is named",
    }


def version(target: Target) -> str:
    """The version of a system, or "" if it is not known."""
    if target.name == "nginx":
        return _version("nginx", "-v")
    if target.name == "clipper":
        return clipper.__version__
    if not target.package:
        return ""
    for line in (REQUIREMENTS / f"{target.name}.txt").read_text().splitlines():
        name, _, pinned = line.partition("==")
        if name == target.package:
            return pinned
    return ""


def _list(facts: Mapping[str, str]) -> str:
    return "\n".join(f"* {name}: {value}" for name, value in facts.items())


def _load() -> str:
    load = os.getloadavg()[0]
    return f"{load:.2f}" + (" (the machine was NOT quiet: these figures mean little)" if load > QUIET else "")


def _commit() -> str:
    return _output(["git", "-C", str(REPOSITORY), "describe", "--always", "--dirty"])


def _cpu() -> str:
    found = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
    return found.group(1) if found else platform.machine()


def _distribution() -> str:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", "Linux")
    except OSError:
        return "Linux"


def _version(name: str, flag: str) -> str:
    try:
        found = re.search(r"\d+\.\d+[\w.]*", _output([program(name), flag]))
    except Unavailable:
        return ""
    return found.group(0) if found else ""


def _output(command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except OSError:
        return ""
    return (done.stdout + done.stderr).strip()
