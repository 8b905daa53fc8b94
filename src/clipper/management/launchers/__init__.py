"""Where replicas run: one `Launcher` interface, and an implementation for each place.

A launcher starts and finds processes; it decides nothing about when, and knows no registry.
"""

from clipper.management.launchers.launcher import Launcher, LaunchSpec, RunningProcess
from clipper.management.launchers.local import LocalLauncher

__all__ = ["LaunchSpec", "Launcher", "LocalLauncher", "RunningProcess"]
