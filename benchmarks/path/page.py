"""docs/profile.md: the figures, how they were made, and what follows from them."""

import re
import textwrap
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from statistics import median

from benchmarks.path import rig
from benchmarks.path.bytecodes import Counts
from benchmarks.path.samples import COMPILED_PREFIX, FREQUENCY
from benchmarks.path.servers import BARE, CONTAINER, CONTROLLER, FRONTEND, ROOT, Cpu, Loaded
from benchmarks.path.stages import QUERIES, Rounds, Stage, spread
from benchmarks.report import NOTHING, Sheet
from clipper.abstraction.cache import CacheConfig
from clipper.engine.journal import JournalConfig

WIDTH = 120  # of the page's lines
SMALL = 0.005  # a compiled module with less of the samples has no row of its own

MEANINGS = {
    Stage.READ: "the inbox, a remembered head, the body cut off",
    Stage.DECODE: "JSON to doubles to the bytes that travel",
    Stage.RECORD: "has the registry changed, which application, deadline, `PendingQuery`, its id, its place",
    Stage.ASK: "the one model, is it cached or in flight, `Evaluation`, the deadline's lane",
    Stage.QUEUE: "into the lane; once per batch out of it, dropping what is late",
    Stage.WIRE_OUT: "PREDICT",
    Stage.WIRE_IN: "RESULT to outcomes",
    Stage.CACHE: "an output in, another out",
    Stage.COMPLETE: "batch to evaluations to queries, what is counted, `conclude`",
    Stage.ANSWER: "the response's bytes, to the transport in order",
}

METHOD = f"""\
**In one process.** Everything of a frontend is real – connections, request reader, service, engine, model, queue,
cache, journal, link and wire codec – except the transports, which keep what is written, and the container, which
answers every batch at once with a ready-made frame. {rig.CONNECTIONS} connections get one request each, as the
load sends them (8 doubles of 16 digits, no two inputs alike); the event loop (uvloop, which also runs the timers) takes
them in, and they leave in two batches of {rig.BATCH}. Cache and journal are small (0.5 MB, 2048 queries) and full,
so that every query replaces another; garbage is collected as in a frontend. A total is the median of {{rounds}}
rounds of {QUERIES:,} queries, each after a warm-up, with no clock in them. There are two: one of the source run as
Python, in a process that imports it where compiled modules lie beside it, and one of what runs in a server (here:
{{build}}; [decision 0015](decisions/0015-the-hot-path-is-compiled.md)).

**By stage, as Python.** Compiled functions can be neither replaced nor traced, so the stages are those of the
source run as Python: what each has of the compiled path is not known. A stage begins with a call of one of its
functions and ends with its return, less the stages inside it. Each such function is timed in a run of its own
(`time.perf_counter_ns` before and after), so that a stage is slowed by no clock but its own; what that adds,
measured on an empty function ({{inside_ns:.0f}} ns to the call, {{whole_ns:.0f}} ns to the run), is taken off. The
figure is the median of its shares of those runs, times the total. The shares are not made to add up: the row below
the stages is what they leave, and the check on the method. Python calls and bytecodes are counted apart, with
`sys.settrace` over a few queries, by the same boundaries; they are the same in every run, but for the deadlines'
timer. What C does inside one bytecode (JSON, packing, copying) is in the microseconds only.

**In a server.** A server under a closed loop ({rig.CONNECTIONS} connections, different inputs, the 8-double sum), in
turns with all of the above: user and system time of each of its processes from `/proc/<pid>/stat`, and the same of a
uvloop server that answers a constant and does nothing else. In a round of its own, `perf record -F {FREQUENCY}` looks
where the frontend is, and `perf report` says in which shared object and function; a compiled function has the name of
its module. Without `perf` (Debian: linux-perf), or where it may not look into the kernel, that table is left out.

**What one process excludes:** system calls and the kernel, uvloop's own handling of sockets, and the cold caches
after each system call. These are in the server's figures only.
"""

CONCLUSIONS = """\
* Of {frontend:.1f} µs that the frontend spends on a query, the kernel has {kernel:.1f}, most of it for one `recv`
  and one `send`. A uvloop server that answers a constant has {bare_kernel:.1f} there: no path, however fast, goes
  below that with one system call each way, and a client that waits for its answer before it asks again allows none
  fewer.
* The path is {path:.1f} µs with warm caches as it runs ({build}). As Python it is {python:.1f} µs: {bytecodes:.0f}
  bytecodes in {calls:.0f} Python calls. There no stage stands out; the largest are {largest}. The wire is {wire:.0%},
  both ways, because a batch shares it. So no stage was worth more work than the others, and all of them are made
  faster at once: the same source is compiled with mypyc ([decision
  0015](decisions/0015-the-hot-path-is-compiled.md)).
* What is left, {left:.1f} µs, is in neither measurement alone: above all the same code running slower in a server
  than in one go, because system calls leave caches and address translations cold; smaller batches and the link's
  socket have their part. Reading first and thinking afterwards ([decision
  0010](decisions/0010-read-first-think-afterwards.md)) took a busy frontend, then Python, from 31,000 to 36,000
  answers/s with not a bytecode less: the short code of reading meets the cold caches, up to 64 times in a row, and
  not the long way of a query. Sending afterwards ([decision
  0021](decisions/0021-answers-are-made-first-and-sent-afterwards.md)) gave another 8 %, and 16 % to cache hits.
* Tried and kept besides: heads are remembered by their bytes and parsed once ([decision
  0004](decisions/0004-remembered-heads.md)); a query is a record and not a task ([decision
  0001](decisions/0001-no-task-per-query.md)); a lane for each latency objective instead of a heap, in the queue and
  for the deadlines; an application with one model skips selection; the journal appends, and forgets 128 queries at
  a time; a full cache replaces the entry under its hand; what compiled code meets on the way has a compiled base class,
  so that nothing is found by its name ([decision 0024](decisions/0024-base-classes-on-a-querys-way.md)).
* Tried without gain: memory in huge pages, one batch in flight instead of two, processes pinned to cores, a smaller
  cache and journal. (In this rig the path takes {slowdown:.2f} times as long with both at their default sizes,
  {default_sizes}, and full.)
* The container uses {container:.1f} µs for a query, the controller and the root {others:.2f}. With one replica the
  frontend is what saturates first; `--frontends` adds more of them.
"""

DEFAULT_SIZES = f"{CacheConfig().max_bytes / 2**20:.0f} MB and {JournalConfig().max_queries:,} queries"


@dataclass(frozen=True)
class Profile:
    """All that was measured.

    `rounds` and `counts` are of the source run as Python. `running`: microseconds per query of the same path as it runs
    in a server, one for each round, and `build` whether that is compiled. `slowdown`: times as long with cache and
    journal of their default sizes. `samples`: the share of each place in the frontend's time under load, if known.
    """

    rounds: Rounds
    counts: Counts
    running: list[float]
    build: str
    slowdown: float
    clipper: Loaded
    bare: Loaded
    samples: dict[str, float]

    @property
    def python_us(self) -> float:
        """All stages together, as Python."""
        return self.rounds.total_us - self._rest_us

    @property
    def path_us(self) -> float:
        """The same as it runs: what is of no stage is not compiled."""
        return median(self.running) - self._rest_us

    @property
    def _rest_us(self) -> float:
        return self.rounds.total_us * self.rounds.rest

    @property
    def frontend(self) -> Cpu:
        return self.clipper.cpu(FRONTEND)

    @property
    def left_us(self) -> float:
        """Of the frontend's user time, what neither the path nor uvloop alone explains."""
        return self.frontend.user_us - self.path_us - self.bare.cpu(BARE).user_us


def stage_sheet(profile: Profile) -> Sheet:
    """Where a query's time goes between the read of its request and the write of its answer."""
    counts = profile.counts
    rows: list[tuple[str, ...]] = []
    for stage in Stage:
        executed = f"{counts.calls[stage] / counts.queries:.1f}", f"{counts.bytecodes[stage] / counts.queries:.0f}"
        rows.append((f"{stage}: {MEANINGS[stage]}", *_part(profile, profile.rounds.share(stage)), *executed))
    rest = _part(profile, profile.rounds.rest)
    rows.append(("none of these: turns of the event loop, and the rig itself", *rest, NOTHING, NOTHING))
    together = f"all as Python, in runs without a clock (±{spread(profile.rounds.total):.0%})", *_part(profile, 1.0)
    rows.append((*together, f"{calls(profile):.1f}", f"{bytecodes(profile):.0f}"))
    running_us = median(profile.running)
    as_it_runs = f"all as it runs, {profile.build}, without a clock (±{spread(profile.running):.0%})"
    rows.append((as_it_runs, *_part(profile, running_us / profile.rounds.total_us), NOTHING, NOTHING))
    return Sheet("One query inside one process", ("stage, as Python", "µs", "share", "Python calls", "bytecodes"), rows)


def _part(profile: Profile, share: float) -> tuple[str, str]:
    return f"{share * profile.rounds.total_us:.2f}", f"{share:.0%}"


def calls(profile: Profile) -> float:
    """Python calls per query."""
    return sum(profile.counts.calls.values()) / profile.counts.queries


def bytecodes(profile: Profile) -> float:
    """Bytecodes per query."""
    return sum(profile.counts.bytecodes.values()) / profile.counts.queries


def process_sheet(profile: Profile) -> Sheet:
    """What the processes of a running server use for one query."""
    rows = [_process_row(name, profile.clipper) for name in (FRONTEND, CONTAINER, CONTROLLER, ROOT)]
    rows.append(_process_row(BARE, profile.bare))
    head = ("process", "answers/s", "user, µs", "kernel, µs", "together, µs")
    return Sheet("A running server under 64 connections, per query", head, rows)


def _process_row(name: str, loaded: Loaded) -> tuple[str, ...]:
    cpu = loaded.cpu(name)
    rate = f"{loaded.rate:,.0f}" if name in (FRONTEND, BARE) else NOTHING
    return name, rate, f"{cpu.user_us:.2f}", f"{cpu.system_us:.2f}", f"{cpu.both_us:.2f}"


def frontend_sheet(profile: Profile) -> Sheet:
    """The frontend's time, taken apart with the help of both measurements."""
    frontend = profile.frontend
    parts = {
        "the kernel: `recv`, `send`, `epoll_wait`": frontend.system_us,
        f"the path as it runs: {profile.build}": profile.path_us,
        "uvloop: what the bare server uses in user mode": profile.bare.cpu(BARE).user_us,
        "what is left: the same code on cold caches, smaller batches, the link's socket": profile.left_us,
        "the frontend": frontend.both_us,
    }
    rows: list[tuple[str, ...]] = [(name, f"{us:.2f}", f"{us / frontend.both_us:.0%}") for name, us in parts.items()]
    return Sheet("The frontend's CPU time for one query", ("part", "µs", "share"), rows)


def sample_sheet(profile: Profile) -> Sheet:
    """The frontend's time by where perf saw it."""
    shares: dict[str, float] = {}
    for place, share in profile.samples.items():
        small = place.startswith(COMPILED_PREFIX) and share < SMALL
        name = f"{COMPILED_PREFIX}the other modules" if small else place
        shares[name] = shares.get(name, 0.0) + share
    us = profile.frontend.both_us
    rows: list[tuple[str, ...]] = [(name, f"{share * us:.2f}", f"{share:.1%}") for name, share in shares.items()]
    return Sheet("Where the frontend is under load", ("place", "µs", "share"), rows)


def conclusions(profile: Profile) -> str:
    rounds, clipper = profile.rounds, profile.clipper
    largest = sorted(Stage, key=rounds.share, reverse=True)[:3]
    return CONCLUSIONS.format(
        frontend=profile.frontend.both_us,
        kernel=profile.frontend.system_us,
        path=profile.path_us,
        build=profile.build,
        python=profile.python_us,
        bytecodes=bytecodes(profile),
        calls=calls(profile),
        largest=", ".join(f"«{stage}» ({rounds.share(stage):.0%})" for stage in largest),
        wire=rounds.share(Stage.WIRE_OUT) + rounds.share(Stage.WIRE_IN),
        slowdown=profile.slowdown,
        default_sizes=DEFAULT_SIZES,
        left=profile.left_us,
        bare_kernel=profile.bare.cpu(BARE).system_us,
        container=clipper.cpu(CONTAINER).both_us,
        others=clipper.cpu(CONTROLLER).both_us + clipper.cpu(ROOT).both_us,
    )


def document(command: str, machine: Mapping[str, str], profile: Profile) -> str:
    """The whole page."""
    facts = {**machine, "command": f"`{command}`"}
    return (
        "\n\n".join(
            [
                "# Profile",
                "Where the microseconds of one query go. Made by the command below; do not edit. How Clipper "
                "compares with others is in [benchmarks.md](benchmarks.md), made by `make bench`.",
                "\n".join(f"* {name}: {value}" for name, value in facts.items()),
                "## What follows",
                _wrapped(conclusions(profile)),
                "## The path of one query, in one process",
                _stage_note(profile),
                stage_sheet(profile).markdown(),
                "## A running server",
                _server_note(profile),
                process_sheet(profile).markdown(),
                _load_note(profile),
                frontend_sheet(profile).markdown(),
                *_samples(profile),
                "## How it was measured",
                _wrapped(_method(profile)),
            ]
        )
        + "\n"
    )


def _wrapped(text: str) -> str:
    """The figures have changed the lengths of the lines."""
    parts = [" ".join(part.split()) for part in re.split(r"\n\n|\n(?=\* )", text.strip())]
    wrap = textwrap.TextWrapper(WIDTH, break_long_words=False, break_on_hyphens=False)
    between = "\n\n"
    if text.startswith("* "):
        wrap.subsequent_indent, between = "  ", "\n"
    return between.join(map(wrap.fill, parts))


def _stage_note(profile: Profile) -> str:
    return _wrapped(
        "Shares, Python calls and bytecodes are of the source run as Python, since compiled functions cannot be taken "
        f"apart. The last row is the same path as it runs in a server: {profile.build}."
    )


def _server_note(profile: Profile) -> str:
    return f"As it runs: {profile.build}. Time of the processes for one query, under {rig.CONNECTIONS} connections:"


def _samples(profile: Profile) -> list[str]:
    if not profile.samples:
        return ["Where the frontend is under load was not sampled: `perf` is missing, or may not look into the kernel."]
    return ["Where `perf` saw the frontend under load, by shared object and module:", sample_sheet(profile).markdown()]


def _method(profile: Profile) -> str:
    return METHOD.format(rounds=len(profile.rounds.total), build=profile.build, **asdict(profile.rounds.clock))


def _load_note(profile: Profile) -> str:
    clipper = profile.clipper
    note = f"The batches held {clipper.mean_batch:.0f} queries on average."
    if clipper.unpredicted:
        note += f" {clipper.unpredicted:,} answers were errors or default outputs."
    return f"{note} With both measurements together, the frontend's time is:"
