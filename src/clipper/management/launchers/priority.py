"""How much of the processors a process group gets beside others: less while it loads or ends.

Loading a model takes seconds of a whole core, which the queries of the other models would wait for. Linux lets anybody
lower a nice value, but not raise it again; so there are two ways, and each is used where it leads back:

* The nice value of the session's autogroup (sched(7)). Anybody may raise it to 0 again. It decides wherever sessions
  are scheduled as groups, and there it is the only one that counts between sessions.
* The nice value of the processes, for where they are not: in a control group of their own, such as a service's. It
  leads back for who may raise it: root, or anybody with a limit of it (RLIMIT_NICE).

Scheduling policies (batch, idle) are no help: the first changed nothing that could be measured, and from the second
only those come back who may also raise a nice value.
"""

import os
import threading
from pathlib import Path

BACKGROUND_NICE = 10
"""A tenth of the usual weight: it waits for whoever serves, but is not starved on a machine that is always busy."""

MAX_NICE = 19


def set_background(leader: int, background: bool) -> bool:
    """Let the session led by `leader` get less than others, or as much as this process again.

    Returns False if it is to be tried again after a tenth of a second. No error are a process that has ended or leads
    no session, and a system that has no such way.
    """
    usual = os.getpriority(os.PRIO_PROCESS, 0)
    lowered = min(usual + BACKGROUND_NICE, MAX_NICE)
    try:
        if os.getsid(leader) != leader:
            return True
        if background and may_raise():
            os.setpriority(os.PRIO_PGRP, leader, lowered)
        elif not background and os.getpriority(os.PRIO_PROCESS, leader) == lowered:
            os.setpriority(os.PRIO_PGRP, leader, usual)  # of all its threads and processes
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return _set_autogroup(leader, BACKGROUND_NICE if background else 0)


def may_raise() -> bool:
    """Whether a nice value can go up again here; tried with a thread that then ends."""
    refused = []

    def try_it() -> None:
        thread = threading.get_native_id()
        usual = os.getpriority(os.PRIO_PROCESS, thread)
        try:
            os.setpriority(os.PRIO_PROCESS, thread, min(usual + 1, MAX_NICE))
            os.setpriority(os.PRIO_PROCESS, thread, usual)
        except PermissionError as error:
            refused.append(error)

    trial = threading.Thread(target=try_it)
    trial.start()
    trial.join()
    return not refused


def _set_autogroup(leader: int, nice: int) -> bool:
    """False if the kernel has taken enough such changes for the moment."""
    try:
        with Path(f"/proc/{leader}/autogroup").open("wb", buffering=0) as place:
            return place.write(b"%d" % nice) is not None  # which stands for EAGAIN
    except OSError:  # there are no autogroups here, or the process has ended
        return True
