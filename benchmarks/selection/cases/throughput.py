"""What an ensemble costs: four no-op models, and a state for each of 100,000 users, against a single one."""

from statistics import median

from benchmarks.bench import Bench
from benchmarks.layer.load import Closed, closed, who_bounds
from benchmarks.layer.models import NoOp
from benchmarks.layer.server import fresh_folder
from benchmarks.openloop.run import in_turn
from benchmarks.report import Sheet
from benchmarks.section import Section, at_least
from benchmarks.selection.served import App, bodies, serving, shot

MODELS = [f"noop-{n}" for n in range(4)]
SINGLE, FOUR, USERS = "single", "majority", "exp4-users"
APPS = (App(SINGLE, MODELS[:1]), App(FOUR, MODELS, "majority"), App(USERS, MODELS, "exp4"))
TARGETS = {FOUR: 0.35, USERS: 0.3}
WHO = {
    SINGLE: "one no-op model",
    FOUR: "four no-op models, majority",
    USERS: "four no-op models, Exp4 with a state per user",
}
CONNECTIONS, TEACHERS, INPUTS = 64, 32, 2000
EVERYBODY, QUICK_EVERYBODY = 100_000, 5000


def measure(bench: Bench) -> Section:
    """Every user gives feedback once; then rounds of all three applications in turn."""
    users = QUICK_EVERYBODY if bench.quick else EVERYBODY
    found: dict[str, list[Closed]] = {app.name: [] for app in APPS}
    with fresh_folder() as folder, serving(folder, {name: NoOp() for name in MODELS}, APPS) as server:
        taught = bodies(users, ', "label": 0', users=users, different=False)
        done = in_turn(server.port, shot(bench.folder, "taught", f"/{USERS}/update", taught), users, TEACHERS)
        bench.tell(f"{int((done.kind == 1).sum()):,} of {users:,} users have a state of their own")
        shots = {
            app.name: shot(
                bench.folder,
                app.name,
                f"/{app.name}/predict",
                bodies(users if app.name == USERS else INPUTS, users=users if app.name == USERS else 0),
            )
            for app in APPS
        }
        for app in APPS:
            closed(server, shots[app.name], CONNECTIONS, 1.0)
        for _ in range(bench.rounds):
            for app in APPS:
                found[app.name].append(closed(server, shots[app.name], CONNECTIONS, bench.seconds))
    rates = {name: median(each.per_second for each in rounds) for name, rounds in found.items()}
    bench.tell(", ".join(f"{name} {rate:,.0f}/s" for name, rate in rates.items()))
    rows: list[tuple[str, ...]] = [
        (
            WHO[name],
            f"{rates[name]:,.0f}",
            f"{rates[name] / rates[SINGLE]:.2f}",
            f"{median(each.p99_ms for each in rounds):.1f}",
            who_bounds(rounds[-1].cores),
        )
        for name, rounds in found.items()
    ]
    return Section(
        "throughput",
        "What an ensemble costs",
        f"Every query a new input of {8} doubles as JSON, {CONNECTIONS} connections in a closed loop, one "
        f"frontend; a container for each model. The last row's queries name one of {users:,} users in turn, each of "
        "whom has given feedback before.",
        [Sheet("Throughput", ("", "answers/s", "of the single one's", "p99, ms", "cores in use"), rows)],
        [
            at_least(f"{WHO[name]}: against one", rates[name] / rates[SINGLE], target)
            for name, target in TARGETS.items()
        ],
    )
