"""Many requests through a network that delays, drops, cuts and resets: right answers or errors."""

from bench.faults import FAULTS, storm
from tests.unit.loops import Run, run

__all__ = ["run"]


def test_a_storm(run: Run) -> None:
    async def main() -> None:
        outcome = await storm(1500, 50, badness=10)
        assert not outcome.wrong
        assert outcome.right + outcome.errors.total() == 1500
        assert outcome.right > 1000
        assert set(outcome.faults) == set(FAULTS)
        assert outcome.errors.keys() >= {"HTTPStreamClosedError", "HTTPTimeoutError"}

    run(main)


def test_fair_weather(run: Run) -> None:
    async def main() -> None:
        outcome = await storm(1000, 50, badness=0)
        assert not outcome.wrong
        assert outcome.right == 1000
        # Connections are kept: 50 would do, and a few more are made while others become free.
        assert outcome.connections <= 100

    run(main)
