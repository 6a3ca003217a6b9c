"""Tests that take too long, and what tests leave behind."""

import pytest

from tests.pytest_plugin.conftest import Run


def test_a_test_that_takes_too_long_says_where_it_waited(run: Run) -> None:
    result = run(
        """
        import asyncio
        import pytest

        async def waits_here():
            await asyncio.Event().wait()

        @pytest.mark.whirlwind(timeout=0.1)
        async def test_deep():
            await waits_here()

        @pytest.mark.whirlwind(timeout=0.1)
        async def test_handler(whirlwind_client):
            await whirlwind_client.fetch("/slow")
        """
    )
    # What a test that fails leaves behind is no second failure.
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(
        [
            "test_deep took longer than 0.1 s. It waited here:",
            "  File *test_it.py*, line 9, in test_deep",
            "    await waits_here()",
            "  File *test_it.py*, line 5, in waits_here",
            "    await asyncio.Event().wait()",
            "test_handler took longer than 0.1 s. It waited here:",
            "    await whirlwind_client.fetch(?/slow?)",
            "Other tasks:",
            "  Task-*, Slow.get",
            "      await asyncio.sleep(3600)",
        ]
    )
    result.stdout.no_fnmatch_line("*asyncio/locks.py*")


def test_fixtures_have_the_limit_too(run: Run) -> None:
    result = run(
        """
        import asyncio
        import pytest

        pytestmark = pytest.mark.whirlwind

        @pytest.fixture
        async def begins_never():
            await asyncio.sleep(3600)
            yield

        @pytest.fixture
        async def ends_never():
            yield
            await asyncio.sleep(3600)

        async def test_begin(begins_never):
            pass

        async def test_end(ends_never):
            pass
        """,
        "--whirlwind-timeout=0.1",
    )
    result.assert_outcomes(errors=2, passed=1)
    result.stdout.fnmatch_lines(
        ["the setup of fixture begins_never took*", "the end of fixture ends_never took*"]
    )


def test_what_a_test_does_that_does_not_end(run: Run) -> None:
    result = run(
        """
        import asyncio
        import pytest
        from whirlwind.pytest_plugin import runner

        runner.PATIENCE = 0.1
        pytestmark = pytest.mark.whirlwind

        async def test_error():
            try:
                await asyncio.sleep(3600)
            finally:
                raise ValueError("while it cleaned up")

        async def test_returns():
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                pass

        async def test_goes_on():
            while True:
                try:
                    await asyncio.sleep(3600)
                except asyncio.CancelledError:
                    pass

        async def test_stops():
            asyncio.get_running_loop().stop()
            await asyncio.Event().wait()

        async def test_afterwards():
            await asyncio.sleep(0)
        """,
        ini="whirlwind_timeout = 0.1",
    )
    result.assert_outcomes(failed=4, passed=1)
    result.stdout.fnmatch_lines(
        [
            "When it was cancelled, it raised:",
            "ValueError: while it cleaned up",
            "test_returns took longer than 0.1 s.*",
            "It was cancelled, and went on for 0.1 s more.",
            "Something stopped the event loop while test_stops waited here:",
            "    await asyncio.Event().wait()",
        ]
    )


@pytest.mark.parametrize(
    ("arguments", "ini", "variable"),
    [
        (["--whirlwind-timeout=0.25"], "whirlwind_timeout = 60", None),
        ([], "whirlwind_timeout = 0.25", "60"),
        ([], "", "0.25"),
    ],
)
def test_where_the_limit_comes_from(
    run: Run, monkeypatch: pytest.MonkeyPatch, arguments, ini, variable
) -> None:
    monkeypatch.delenv("ASYNC_TEST_TIMEOUT", raising=False)
    if variable:
        monkeypatch.setenv("ASYNC_TEST_TIMEOUT", variable)
    result = run(
        """
        import asyncio
        import pytest

        @pytest.mark.whirlwind
        async def test_late():
            await asyncio.sleep(3600)

        @pytest.mark.whirlwind(timeout=0)
        async def test_unlimited():
            await asyncio.sleep(0.5)
        """,
        *arguments,
        ini=ini,
    )
    result.assert_outcomes(failed=1, passed=1)
    result.stdout.fnmatch_lines(["test_late took longer than 0.25 s.*"])


def test_marks_that_are_wrong(run: Run) -> None:
    result = run(
        """
        import pytest

        @pytest.mark.whirlwind(timout=3)
        async def test_it():
            pass
        """
    )
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*the mark whirlwind has the arguments timeout=*, not timout"])


LEAKS = """
    import asyncio
    import pytest

    pytestmark = pytest.mark.whirlwind

    async def poll():
        await asyncio.sleep(3600)

    async def test_task():
        task = asyncio.create_task(poll())

    async def test_exception():
        async def fail():
            raise ValueError("that nobody sees")
        task = asyncio.create_task(fail())
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    async def test_callback():
        asyncio.get_running_loop().call_soon(lambda: 1 / 0)
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    async def test_nothing():
        task = asyncio.create_task(poll())
        await asyncio.sleep(0)
        task.cancel()

    async def test_what_is_seen():
        async def fail():
            raise ValueError
        with pytest.raises(ValueError):
            await asyncio.create_task(fail())
"""


def test_what_is_left_behind_is_an_error(run: Run) -> None:
    result = run(LEAKS)
    result.assert_outcomes(passed=5, errors=3)
    result.stdout.fnmatch_lines(
        [
            "test_task left behind 1 task:",
            "  Task-*, poll",
            '    File "*test_it.py*", line 7, in poll',
            "      await asyncio.sleep(3600)",
            "Await or cancel what a test starts,*",
            "test_exception left behind 1 exception that nobody has seen:",
            "    ValueError: that nobody sees",
            "test_callback left behind 1 exception that nobody has seen:",
            "    ZeroDivisionError: division by zero",
        ]
    )


def test_what_is_left_behind_may_be_allowed(run: Run) -> None:
    run(LEAKS, ini="whirlwind_check_leaks = false").assert_outcomes(passed=5)
    marked = LEAKS.replace("mark.whirlwind", "mark.whirlwind(check_leaks=False)")
    run(marked).assert_outcomes(passed=5)


def test_on_a_shared_loop_a_test_answers_for_its_own_tasks(run: Run) -> None:
    result = run(
        """
        import asyncio
        import pytest

        pytestmark = pytest.mark.whirlwind

        async def poll():
            await asyncio.sleep(3600)

        @pytest.fixture(scope="module")
        async def background():
            tasks = [asyncio.create_task(poll())]
            yield tasks
            for task in tasks:
                task.cancel()

        @pytest.fixture(scope="module")
        async def forgetful():
            return asyncio.create_task(poll())

        async def test_background(background):
            pass

        async def test_task(background):
            task = asyncio.create_task(poll())

        async def test_last(background, forgetful):
            pass
        """
    )
    result.assert_outcomes(passed=3, errors=2)
    result.stdout.fnmatch_lines(
        ["test_task left behind 1 task:", "  Task-*, poll", "test_last left behind 1 task:"]
    )


def test_no_limit_while_somebody_debugs(run: Run, pytester: pytest.Pytester) -> None:
    result = run(
        """
        import asyncio
        import pytest

        @pytest.mark.whirlwind(timeout=0.2)
        async def test_it(request):
            request.config.hook.pytest_enter_pdb(config=request.config, pdb=None)
            await asyncio.sleep(0.5)
        """
    )
    result.assert_outcomes(passed=1)
