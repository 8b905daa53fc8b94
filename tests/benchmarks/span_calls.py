"""Prints how often each span of the path is met while every connection asks once. Run on the source by test_path.py."""

import json
import sys
from contextlib import ExitStack
from unittest import mock

import uvloop

from benchmarks.path.rig import CONNECTIONS, different_requests, steady_rig
from benchmarks.path.stages import SPANS, Probe

TIMER = "_wake"  # comes with time and not with a query


async def span_calls() -> dict[str, int]:
    probes = {span: Probe() for span in SPANS if span.method != TIMER}
    with ExitStack() as patched:
        for span, probe in probes.items():
            patched.enter_context(mock.patch.object(span.owner, span.method, probe.around(span.function)))
        async with steady_rig(warm_up=CONNECTIONS) as rig:
            for probe in probes.values():
                probe.calls = 0
            await rig.answer(different_requests(CONNECTIONS))
            return {span.name: probe.calls for span, probe in probes.items()}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(uvloop.run(span_calls())))
