"""What tests cost in seconds of processor time: the dearest are named, and none is far too dear.

A test costs what its own fixtures and its body take, in this process and in those that it starts
and waits for. A fixture that several tests share is an entry of its own.
"""

import os
import resource
from collections import Counter
from collections.abc import Iterator

import pytest

GETS = 10.0  # seconds of a test that is not marked; with optimisations compiling takes more
if os.environ.get("OPTIMISED") == "1":
    GETS = 30.0
MOST = 4 * GETS  # a busy or an older machine takes twice as long and more
MARKS = ("dear", "slow")
NAMED = 10
KEPT = "dearest/costs"  # in pytest's cache, for `make mutants`

_COST = "processor seconds"
_SHARED = "processor seconds of shared fixtures"
_MEMORY = "most memory in GB"


def seconds() -> float:
    """Processor time of this process and of the children that it has waited for."""
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(used.ru_utime + used.ru_stime for used in both)


class Dearest:
    """Measures in the process that runs the tests, and sums up in the one that reports."""

    def __init__(self) -> None:
        self.shared: Counter[str] = Counter()  # since the current phase of a test began
        self.costs: Counter[str] = Counter()
        self.memory = 0.0

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(
        self, fixturedef: pytest.FixtureDef, request: pytest.FixtureRequest
    ) -> Iterator[None]:
        del request
        begun, within = seconds(), self.shared.total()
        try:
            return (yield)
        finally:
            if fixturedef.scope != "function":
                own = seconds() - begun - (self.shared.total() - within)
                place = fixturedef.baseid or "tests"
                self.shared[f"{place}::{fixturedef.argname} (shared)"] += own

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_setup(self) -> Iterator[None]:
        self.shared.clear()
        self.begun = seconds()
        return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Iterator[pytest.TestReport]:
        report = yield
        cost = seconds() - self.begun - self.shared.total()
        if report.when == "call":
            memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
            told = {_COST: cost, _SHARED: dict(self.shared), _MEMORY: memory}
            report.user_properties += list(told.items())
            if report.passed and cost > MOST and not any(map(item.get_closest_marker, MARKS)):
                report.outcome = "failed"
                report.longrepr = (
                    f"{item.nodeid} takes {cost:.1f} s of processor time, of which a test gets "
                    f"{GETS:g}; make it cheaper, or mark it as dear"
                )
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        told = dict(report.user_properties)
        if report.when == "call" and _COST in told:
            self.costs[report.nodeid] += told[_COST]
            self.costs.update(told[_SHARED])
            self.memory = max(self.memory, told[_MEMORY])

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if not self.costs:
            return
        whole, memory = self.costs.total(), self.memory
        terminalreporter.section(
            f"{whole:.0f} s of processor time, at most {memory:.2f} GB a process; the dearest"
        )
        for name, cost in self.costs.most_common(NAMED):
            terminalreporter.write_line(f"{cost:6.1f} s  {name}")

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        cache = getattr(session.config, "cache", None)  # none with -p no:cacheprovider
        if cache is not None and not hasattr(session.config, "workerinput"):
            cache.set(KEPT, {**cache.get(KEPT, {}), **self.costs})


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Dearest(), "costs of tests")
