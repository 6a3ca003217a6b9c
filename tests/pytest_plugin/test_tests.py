"""Coroutine tests and fixtures: who runs them, where, and for how long."""

import pytest

from tests.pytest_plugin.conftest import Run


def test_a_mark_or_a_fixture_makes_a_test_ours_and_nothing_else_does(run: Run) -> None:
    result = run(
        """
        import asyncio
        import pytest
        from whirlwind import gen

        def test_plain():
            pass

        def test_nothing_was_imported():
            for late in ("runner", "waiting"):
                assert f"whirlwind.pytest_plugin.{late}" not in __import__("sys").modules

        @pytest.mark.whirlwind
        async def test_marked():
            await asyncio.sleep(0)

        async def test_fixture(whirlwind_loop):
            assert whirlwind_loop.asyncio_loop is asyncio.get_running_loop()

        @pytest.mark.whirlwind
        @gen.coroutine
        def test_generator():
            yield gen.moment
            assert asyncio.get_running_loop()

        @pytest.mark.whirlwind
        class TestClass:
            async def test_method(self):
                await asyncio.sleep(0)

        async def test_of_nobody():
            assert 0
        """,
        alone=True,
    )
    result.assert_outcomes(passed=6, failed=1)
    result.stdout.fnmatch_lines(["*async def functions are not natively supported*"])


def test_auto_mode(run: Run) -> None:
    result = run(
        """
        import asyncio
        import unittest
        import pytest

        @pytest.fixture
        async def value():
            return asyncio.get_running_loop()

        async def test_coroutine(value):
            assert value is asyncio.get_running_loop()

        def test_plain(value):
            assert not value.is_running()

        class Case(unittest.IsolatedAsyncioTestCase):
            async def test_case(self):
                await asyncio.sleep(0)

        @pytest.mark.asyncio
        async def test_of_another_plugin():
            assert type(asyncio.get_running_loop()).__module__.startswith("asyncio")

        def test_no_loop_is_left():
            with pytest.raises(RuntimeError):
                asyncio.get_running_loop()
        """,
        ini="whirlwind_mode = auto\nwhirlwind_loop = uvloop",
    )
    result.assert_outcomes(passed=5)


@pytest.mark.parametrize(
    ("ini", "message"),
    [
        (
            "whirlwind_mode = auto\nasyncio_mode = auto",
            "*whirlwind_mode = auto and asyncio_mode = auto: each would*",
        ),
        ("whirlwind_loop = trio", "*whirlwind_loop is one of auto, asyncio, uvloop, not 'trio'"),
        ("whirlwind_timeout = long", "*whirlwind_timeout is a number, not 'long'"),
    ],
)
def test_settings_that_are_refused(run: Run, ini: str, message: str) -> None:
    result = run("", ini=ini)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([message])


def test_pytest_asyncio_in_auto_mode_leaves_ours_alone(run: Run) -> None:
    result = run(
        """
        import asyncio
        import pytest
        from hypothesis import given, strategies

        @pytest.fixture
        async def loop():
            yield asyncio.get_running_loop()

        async def test_ours(whirlwind_client, whirlwind_loop, loop):
            assert loop is asyncio.get_running_loop() is whirlwind_loop.asyncio_loop
            assert (await whirlwind_client.fetch("/")).body == b"hello"

        async def test_theirs(loop):
            assert type(loop).__module__.startswith("asyncio")

        @pytest.mark.whirlwind
        @given(strategies.integers())
        async def test_ours_of_many_values(number):
            assert type(asyncio.get_running_loop()).__module__.startswith("uvloop")
        """,
        ini="asyncio_mode = auto\nwhirlwind_loop = uvloop",
    )
    result.assert_outcomes(passed=3)


def test_the_loop_is_chosen_by_option_or_file(run: Run) -> None:
    source = """
    import asyncio
    from whirlwind.process import Subprocess

    async def test_loop(whirlwind_client):
        assert type(asyncio.get_running_loop()).__module__.startswith("{}")
        assert (await whirlwind_client.fetch("/")).body == b"hello"
        assert await Subprocess(["true"]).wait_for_exit() == 0
    """
    run(source.format("asyncio"), "--whirlwind-loop=asyncio").assert_outcomes(passed=1)
    run(source.format("uvloop"), ini="whirlwind_loop = uvloop").assert_outcomes(passed=1)


def test_fixtures_of_every_scope_share_a_loop_that_ends_with_the_last(run: Run) -> None:
    result = run(
        """
        import asyncio
        import pytest

        log = []

        def fixture(scope):
            async def named():
                log.append("+" + scope)
                yield asyncio.get_running_loop()
                log.append("-" + scope)
            return pytest.fixture(scope=scope, name=scope)(named)

        s, m, c, f = map(fixture, ("session", "module", "class", "function"))
        loops = []

        @pytest.mark.whirlwind
        async def test_before():
            loops.append(asyncio.get_running_loop())

        @pytest.mark.whirlwind
        class TestTogether:
            async def test_one(self, function, **_):
                loops.append(asyncio.get_running_loop())
                assert function is loops[-1] is not loops[0]
                assert loops[0].is_closed()

            async def test_two(self, session, module, function):
                assert session is module is function is asyncio.get_running_loop()

            def test_plain(self, module, function):
                assert module is function and not function.is_closed()

        @pytest.mark.whirlwind
        @pytest.mark.parametrize("number", [1, 2])
        async def test_more(session, number, **_):
            assert session is asyncio.get_running_loop()
            assert log == [
                "+function", "-function", "+session", "+module", "+function", "-function",
                "+function", "-function",
            ]
        """.replace(", **_", "")
    )
    result.assert_outcomes(passed=6)


def test_context_variables_go_from_fixture_to_test_and_no_further(run: Run) -> None:
    result = run(
        """
        import contextvars
        import pytest

        wide, narrow, plain = map(contextvars.ContextVar, ("wide", "narrow", "plain"))

        @pytest.fixture(scope="module")
        async def widely():
            wide.set("module")

        @pytest.fixture
        async def narrowly():
            token = narrow.set("function")
            yield
            narrow.reset(token)

        @pytest.fixture
        def plainly():
            token = plain.set("plain")
            yield
            plain.reset(token)

        @pytest.mark.whirlwind
        async def test_all(widely, narrowly, plainly):
            assert (wide.get(), narrow.get(), plain.get()) == ("module", "function", "plain")
            wide.set("changed")

        @pytest.mark.whirlwind
        async def test_next(widely):
            assert (wide.get(), narrow.get(None), plain.get(None)) == ("module", None, None)
        """
    )
    result.assert_outcomes(passed=2)


def test_a_fixture_lives_in_one_task(run: Run) -> None:
    result = run(
        """
        import asyncio
        import pytest

        @pytest.fixture
        async def group():
            async with asyncio.timeout(60), asyncio.TaskGroup() as group:
                yield group

        @pytest.fixture
        async def broken():
            async with asyncio.TaskGroup() as group:
                yield group

        class TestClass:
            @pytest.fixture
            async def own(self):
                self.value = 1
                yield
                assert self.value == 2

            @pytest.mark.whirlwind
            async def test_method(self, own):
                assert self.value == 1
                self.value = 2

        @pytest.mark.whirlwind
        async def test_group(group):
            group.create_task(asyncio.sleep(0))

        @pytest.mark.whirlwind
        async def test_broken(broken):
            async def fail():
                raise ValueError("of a task of the fixture")
            await asyncio.wait([broken.create_task(fail())])
        """
    )
    result.assert_outcomes(passed=3, errors=1)
    result.stdout.fnmatch_lines(["*ERROR at teardown of test_broken*", "*of a task of the fixture"])


def test_fixtures_that_are_wrong(run: Run) -> None:
    result = run(
        """
        import pytest

        @pytest.fixture
        async def twice():
            yield 1
            yield 2

        @pytest.fixture
        async def never():
            if 0:
                yield

        @pytest.fixture
        async def late():
            yield
            raise ValueError("late")

        @pytest.mark.whirlwind
        @pytest.mark.parametrize("name", ["twice", "never", "late"])
        async def test_it(name, request):
            pass

        @pytest.fixture(autouse=True)
        def wrong(request):
            request.getfixturevalue(request.node.callspec.params["name"])
        """
    )
    result.assert_outcomes(passed=2, errors=3)
    result.stdout.fnmatch_lines(
        [
            "fixture twice yields more than once",
            "fixture never yields nothing",
            "*raise ValueError(?late?)",
        ]
    )


def test_a_failure_shows_the_test_and_nothing_of_the_loop(run: Run) -> None:
    result = run(
        """
        import pytest

        async def deeper():
            raise ValueError("from below")

        @pytest.fixture
        async def failing():
            await deeper()

        @pytest.mark.whirlwind
        async def test_assertion():
            value = 1
            assert value == 2

        @pytest.mark.whirlwind
        async def test_fixture(failing):
            pass

        @pytest.mark.whirlwind
        async def test_skip():
            pytest.skip("not today")

        @pytest.mark.whirlwind
        @pytest.mark.xfail(raises=ValueError)
        async def test_xfail():
            await deeper()
        """
    )
    result.assert_outcomes(failed=1, errors=1, skipped=1, xfailed=1)
    result.stdout.fnmatch_lines(["*await deeper()", "*ValueError: from below", "*assert 1 == 2"])
    for machinery in ("run_until_complete", "pytest_plugin", "loop.pyx"):
        result.stdout.no_fnmatch_line(f"*{machinery}*")


def test_hypothesis(run: Run) -> None:
    result = run(
        """
        import asyncio
        import pytest
        from hypothesis import given, strategies

        loops = set()

        @pytest.mark.whirlwind
        @given(number=strategies.integers())
        async def test_passes(number):
            await asyncio.sleep(0)
            loops.add(id(asyncio.get_running_loop()))
            assert len(loops) == 1

        @pytest.mark.whirlwind
        @given(number=strategies.integers(min_value=0))
        async def test_fails(number):
            await asyncio.sleep(0)
            assert number < 10
        """,
    )
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*number=10,"])


def test_unittest_cases_and_workers_in_the_same_run(run: Run) -> None:
    result = run(
        """
        import pytest
        from application import make_app
        from whirlwind.log import access_log
        from whirlwind.testing import AsyncHTTPTestCase, ExpectLog, gen_test

        @pytest.mark.parametrize("number", range(4))
        async def test_fixtures(whirlwind_client, number):
            with ExpectLog(access_log, "404 GET /nothing"):
                assert (await whirlwind_client.fetch("/nothing")).code == 404

        class Case(AsyncHTTPTestCase):
            def get_app(self):
                return make_app()

            def test_fetch(self):
                self.assertEqual(self.fetch("/").body, b"hello")

            @gen_test
            async def test_coroutine(self):
                response = await self.http_client.fetch(self.get_url("/"))
                self.assertEqual(response.body, b"hello")

        async def test_logs_are_captured(whirlwind_client, caplog):
            await whirlwind_client.fetch("/nothing")
            assert [record.levelname for record in caplog.records] == ["WARNING"]
        """,
        "-n",
        "2",
    )
    result.assert_outcomes(passed=7)
