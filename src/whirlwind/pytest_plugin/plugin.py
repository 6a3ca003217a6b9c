"""What pytest loads: options, hooks and fixtures.

Only pytest is imported here, and what looks at marks. The rest comes with the first test that
needs it.
"""

import contextvars
import functools
import inspect
from collections.abc import Callable, Coroutine, Generator, Iterator
from types import MethodType
from typing import TYPE_CHECKING, Any, Final, Literal, cast

import pytest

from whirlwind.pytest_plugin import marks

if TYPE_CHECKING:
    from whirlwind.httpclient import AsyncHTTPClient
    from whirlwind.ioloop import IOLoop
    from whirlwind.pytest_plugin.runner import Runner
    from whirlwind.pytest_plugin.served import RunningServer, Serve, ServedClient, WebSocketConnect

__all__ = [
    "whirlwind_app",
    "whirlwind_client",
    "whirlwind_http_client",
    "whirlwind_https",
    "whirlwind_loop",
    "whirlwind_options",
    "whirlwind_serve",
    "whirlwind_server",
    "whirlwind_url",
    "whirlwind_websocket",
]

_Scope = Literal["session", "package", "module", "class", "function"]

#: Settings with which other plugins run every coroutine test.
_MODES_OF_OTHERS: Final = ("asyncio_mode", "anyio_mode")
_CHOICES: Final = {
    "whirlwind_mode": ("strict", "auto"),
    "whirlwind_loop": ("auto", "asyncio", "uvloop"),
    "whirlwind_server_scope": ("function", "class", "module", "package", "session"),
}
#: Seconds that the plugin's own fixtures have at least, to start and to stop.
_OWN_LIMIT: Final = 5.0


def pytest_addoption(
    parser: pytest.Parser, pluginmanager: pytest.PytestPluginManager
) -> None:
    """Declare the settings."""
    # pytest rewrites the assertions of all modules of a package with a plugin. This one has none,
    # and where the outcome can not be kept, each run would take two seconds longer.
    getattr(pluginmanager.rewrite_hook, "_must_rewrite", set()).discard("whirlwind")
    group = parser.getgroup("whirlwind", "coroutine tests on Whirlwind")
    group.addoption(
        "--whirlwind-loop",
        choices=_CHOICES["whirlwind_loop"],
        help="event loop of coroutine tests (default: uvloop where it is installed)",
    )
    group.addoption(
        "--whirlwind-timeout",
        type=float,
        metavar="SECONDS",
        help="limit of a coroutine test, and of each coroutine fixture; 0 for none",
    )
    parser.addini(
        "whirlwind_mode", "strict, or auto: every coroutine test is Whirlwind's", default="strict"
    )
    parser.addini("whirlwind_loop", "auto, asyncio or uvloop", default="auto")
    parser.addini("whirlwind_timeout", "seconds for a coroutine test or fixture", default="")
    parser.addini(
        "whirlwind_check_leaks",
        "whether a test fails that leaves tasks behind, or exceptions that nobody has seen",
        type="bool",
        default=True,
    )
    parser.addini(
        "whirlwind_server_scope", "scope of whirlwind_server and its kin", default="function"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Check the settings, and begin."""
    config.addinivalue_line("markers", marks.HELP)
    for name, choices in _CHOICES.items():
        value = config.getini(name)
        if value not in choices:
            raise pytest.UsageError(f"{name} is one of {', '.join(choices)}, not {value!r}")
    limit = config.getini("whirlwind_timeout")
    try:
        float(limit or 0)
    except ValueError:
        raise pytest.UsageError(f"whirlwind_timeout is a number, not {limit!r}") from None
    for other in _MODES_OF_OTHERS if config.getini("whirlwind_mode") == "auto" else ():
        if _setting(config, other) == "auto":
            raise pytest.UsageError(
                f"whirlwind_mode = auto and {other} = auto: each would run every coroutine test; "
                "set one of them to strict"
            )
    config.stash[_STATE] = State(config)


def _setting(config: pytest.Config, name: str) -> Any:
    """The value of a setting, perhaps of another plugin: command line, then file."""
    given = config.getoption(name, None)
    if given is None:
        try:
            given = config.getini(name)
        except ValueError:  # that plugin is not here
            return None
    return given


class State:
    """What the plugin knows during one run of pytest: the current test, and its loop."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._auto: bool = config.getini("whirlwind_mode") == "auto"
        self._runner: Runner | None = None
        self._claimed: pytest.Item | None = None
        self._contexts: dict[str, _Context] = {}
        self.item: pytest.Item | None = None
        #: Whether the current test has failed: what is left then is no news.
        self.failed: bool = False

    # --- whose test it is -----------------------------------------------------------------------

    def wants(self, item: pytest.Item) -> bool:
        """Whether a test is this plugin's."""
        if not isinstance(item, pytest.Function) or not marks.can_be_ours(item):
            return False
        if item.get_closest_marker(marks.MARK) is not None:
            return True
        if any(name in _FIXTURES for name in item.fixturenames):
            return True
        if not self._auto or marks.belongs_to_others(item):
            return False
        return marks.coroutine_of(item) is not None

    def claim(self) -> "Runner":
        """Make the current test ours, if it is not, and its loop the current one."""
        item = self.item
        if item is None:  # the end of a run that was stopped: what is left is torn down
            return self.runner()
        if self._claimed is not item:
            self._claimed = item
            self.acquire()
        runner = self.runner()
        runner.checking = self._checks(item)
        return runner

    def is_claimed(self, item: pytest.Item) -> bool:
        return self._claimed is item

    def takes_fixtures(self) -> bool:
        """Whether coroutine fixtures are ours now; for one, a plain test becomes ours as well."""
        item = self.item
        if item is None:
            return False
        if self._claimed is item:
            return True
        if self._auto and marks.can_be_ours(item) and not marks.belongs_to_others(item):
            self.claim()
            return True
        return False

    # --- the loop -------------------------------------------------------------------------------

    def runner(self) -> "Runner":
        """The loop; it is there while a test or a fixture needs it."""
        if self._runner is None:
            from whirlwind.pytest_plugin.runner import Runner

            self._runner = Runner(_setting(self._config, "whirlwind_loop"))
        return self._runner

    def acquire(self) -> None:
        """Need the loop."""
        self.runner().users += 1

    def release(self) -> None:
        """Need it no longer; the last one closes it."""
        runner = self._runner
        if runner is None:
            return
        runner.users -= 1
        if runner.users == 0:
            self._runner = None
            self._contexts.clear()
            runner.close()

    def keep_for(self, request: pytest.FixtureRequest) -> None:
        """Need the loop until a fixture has ended."""
        self.claim()
        self.acquire()
        request.addfinalizer(self.release)

    def run(
        self, coro: Coroutine[Any, Any, Any], node: pytest.Item | pytest.Collector, name: str
    ) -> Any:
        """Run a coroutine for a node's fixture or test; see `Runner.run`."""
        __tracebackhide__ = True
        runner = self.claim()
        return runner.run(coro, self._context(node), self._limit(node), name)

    def run_own(self, coro: Coroutine[Any, Any, Any], request: pytest.FixtureRequest) -> None:
        """Run a coroutine of this plugin's; a test of a short limit may leave it more to do."""
        __tracebackhide__ = True
        runner = self.claim()
        limit = self._limit(request.node)
        limit = limit and max(limit, _OWN_LIMIT)
        name = f"fixture {request.fixturename}"
        runner.run(coro, self._context(request.node), limit, name)

    def hold(self, generator: Any, node: pytest.Item | pytest.Collector, name: str) -> Any:
        """Run an asynchronous generator to its first value; see `Runner.hold`."""
        __tracebackhide__ = True
        runner = self.claim()
        return runner.hold(generator, self._context(node), self._limit(node), name)

    def _context(self, node: Any) -> contextvars.Context:
        """The context of a node: a copy of that of the next larger one that has one."""
        found = self._contexts.get(node.nodeid)
        if found is None:
            parent = node.parent
            while parent is not None and parent.nodeid not in self._contexts:
                parent = parent.parent
            outer = None if parent is None else self._contexts[parent.nodeid]
            found = self._contexts[node.nodeid] = _Context(node.nodeid, outer)
        found.follow()
        return found.context

    # --- settings -------------------------------------------------------------------------------

    def _limit(self, node: pytest.Item | pytest.Collector) -> float:
        given = marks.argument(node, "timeout")
        if given is None:
            given = _setting(self._config, "whirlwind_timeout")
        if given == "":
            from whirlwind.testing import get_async_test_timeout

            return get_async_test_timeout()
        return float(given)

    def _checks(self, item: pytest.Item) -> bool:
        marked = marks.argument(item, "check_leaks")
        return bool(self._config.getini("whirlwind_check_leaks") if marked is None else marked)

    # --- the course of a test -------------------------------------------------------------------

    def begin(self, item: pytest.Item) -> None:
        """A test is about to be set up."""
        self.item = item
        self.failed = False
        if self.wants(item):
            marks.check(item)
            # An item class of another plugin would run the coroutine itself.
            for name in ("setup", "runtest"):
                own = getattr(pytest.Function, name)
                if getattr(type(item), name) is not own:
                    setattr(item, name, MethodType(own, item))
            self.claim()

    def end(self, item: pytest.Item, next_item: pytest.Item | None) -> None:
        """A test is torn down, with all fixtures that the next one does not share."""
        self.item = None
        runner = self._runner
        if self._claimed is not item or runner is None:
            return
        from whirlwind.pytest_plugin.waiting import list_tasks

        self._claimed = None
        last = runner.users == 1
        problems: list[str] = []
        try:
            left = runner.tasks(None if last else item.nodeid)
            if left and self._checks(item) and not self.failed:
                left = runner.wait_a_moment(left)
                problems += [f"{_number(len(left), 'task')}:\n{list_tasks(left)}"] * bool(left)
            runner.end(left)
            mistakes = runner.take_mistakes()
            if mistakes and not self.failed:
                count = _number(len(mistakes), "exception")
                problems.append(f"{count} that nobody has seen:\n{''.join(mistakes)}")
        finally:
            shared = set() if next_item is None else {n.nodeid for n in next_item.listchain()}
            for ended in self._contexts.keys() - shared:
                del self._contexts[ended]
            runner.checking = runner.debugging = False
            self.release()
        if problems:
            pytest.fail(
                f"{item.name} left behind {'and '.join(problems)}"
                "Await or cancel what a test starts, "
                "or mark the test whirlwind(check_leaks=False).",
                pytrace=False,
            )

    def enter_debugger(self) -> None:
        """Somebody looks at a test; its time does not count."""
        if self._runner is not None:
            self._runner.debugging = True


_STATE: Final = pytest.StashKey[State]()
_MISSING: Final = object()


class _Context:
    """The context of the coroutines of one node, which sees what plain fixtures set."""

    def __init__(self, owner: str, inherited: "_Context | None") -> None:
        from whirlwind.pytest_plugin.runner import context_for

        outside = contextvars.copy_context()
        self.context: contextvars.Context
        self._outside: contextvars.Context
        if inherited is None:
            self.context = context_for(owner, outside)
            self._outside = outside
        else:
            self.context = context_for(owner, inherited.context)
            self._outside = inherited._outside

    def follow(self) -> None:
        """Take over what has been set outside of the loop since the last time."""
        outside = contextvars.copy_context()
        for variable, value in outside.items():
            if self._outside.get(variable, _MISSING) is not value:
                self.context.run(variable.set, value)
        self._outside = outside


def _number(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


async def _call(func: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """Call a function that `gen.coroutine` made, on the loop, where it belongs."""
    return await func(*args, **kwargs)


def _begun(func: Callable[..., Any], args: Any, kwargs: Any) -> Coroutine[Any, Any, Any]:
    if inspect.iscoroutinefunction(func):
        return cast("Coroutine[Any, Any, Any]", func(*args, **kwargs))
    return _call(func, args, kwargs)


# --- hooks --------------------------------------------------------------------------------------


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, Any, Any]:
    """Make the loop before the first fixture, so that all of them find it."""
    state = item.config.stash[_STATE]
    state.begin(item)
    try:
        return (yield)
    except BaseException:
        state.failed = True
        raise


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_teardown(
    item: pytest.Item, nextitem: pytest.Item | None
) -> Generator[None, Any, Any]:
    """Look at what is left once the last fixture has ended."""
    state = item.config.stash[_STATE]
    try:
        return (yield)
    except BaseException:
        state.failed = True
        raise
    finally:
        state.end(item, nextitem)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_fixture_setup(
    fixturedef: "pytest.FixtureDef[Any]", request: pytest.FixtureRequest
) -> Generator[None, Any, Any]:
    """Make a plain fixture of one that is a coroutine, before another plugin does."""
    func: Any = fixturedef.func
    is_generator = inspect.isasyncgenfunction(func)
    state = request.config.stash[_STATE]
    if not (is_generator or marks.is_coroutine_function(func)) or not state.takes_fixtures():
        return (yield)
    instance = getattr(func, "__self__", None)
    if instance is not None and isinstance(request.instance, type(instance)):
        func = func.__func__.__get__(request.instance)  # a method, of the test's own object
    if request.scope != "function":
        state.keep_for(request)
    name = f"fixture {request.fixturename}"
    node = request.node

    def run(**kwargs: Any) -> Any:
        __tracebackhide__ = True
        return state.run(_begun(func, (), kwargs), node, name)

    def hold(**kwargs: Any) -> Iterator[Any]:
        __tracebackhide__ = True
        held = state.hold(func(**kwargs), node, name)
        yield held.value
        held.leave()

    changed = cast("Any", fixturedef)
    original, changed.func = changed.func, hold if is_generator else run
    try:
        return (yield)
    finally:
        changed.func = original


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, Any, Any]:
    """Make a plain test of one that is a coroutine, for as long as it is called."""
    state = pyfuncitem.config.stash[_STATE]
    place = marks.coroutine_of(pyfuncitem) if state.is_claimed(pyfuncitem) else None
    if place is None:
        return (yield)
    holder, name = place
    original = getattr(holder, name)

    @functools.wraps(original)
    def run(*args: Any, **kwargs: Any) -> None:
        __tracebackhide__ = True
        state.run(_begun(original, args, kwargs), pyfuncitem, pyfuncitem.name)

    setattr(holder, name, run)
    try:
        return (yield)
    except BaseException:
        state.failed = True
        raise
    finally:
        setattr(holder, name, original)


def pytest_enter_pdb(config: pytest.Config) -> None:
    """No limits for those who debug."""
    config.stash[_STATE].enter_debugger()


# --- fixtures -----------------------------------------------------------------------------------


def _server_scope(fixture_name: str, config: pytest.Config) -> _Scope:
    return cast("_Scope", config.getini("whirlwind_server_scope"))


# The comment within is for those who have no such fixture: pytest shows these lines then.
@pytest.fixture(scope=_server_scope)
# app is a fixture that you define: it returns the application that the server is to serve.
def whirlwind_app(app: Any) -> Any:
    """The application: what a fixture of your own, named app, returns."""
    return app


@pytest.fixture(scope=_server_scope)
def whirlwind_options() -> dict[str, Any]:
    """Arguments of HTTPServer; define it yourself to give others."""
    return {}


@pytest.fixture(scope=_server_scope)
def whirlwind_https() -> bool:
    """Whether the server has TLS, False; define or parametrize it to change that."""
    return False


@pytest.fixture(scope=_server_scope)
def whirlwind_server(
    request: pytest.FixtureRequest,
    whirlwind_app: Any,
    whirlwind_options: dict[str, Any],
    whirlwind_https: bool,
) -> "Iterator[RunningServer]":
    """A server with the application, on a free port: url, port, get_url(path), http_server."""
    from whirlwind.pytest_plugin.served import RunningServer

    state = request.config.stash[_STATE]
    state.keep_for(request)
    server = RunningServer(whirlwind_app, whirlwind_https, whirlwind_options)
    state.run_own(server.start(), request)
    yield server
    state.run_own(server.stop(), request)


@pytest.fixture(scope=_server_scope)
def whirlwind_url(whirlwind_server: "RunningServer") -> str:
    """The URL of the server, without a slash at its end."""
    return whirlwind_server.url


@pytest.fixture(scope=_server_scope)
def whirlwind_serve(request: pytest.FixtureRequest) -> "Iterator[Serve]":
    """Starts more servers: await whirlwind_serve(app, https=False, **options)."""
    from whirlwind.pytest_plugin.served import Serve

    state = request.config.stash[_STATE]
    state.keep_for(request)
    serve = Serve()
    yield serve
    state.run_own(serve.stop(), request)


@pytest.fixture
def whirlwind_client(
    request: pytest.FixtureRequest, whirlwind_server: "RunningServer"
) -> "Iterator[ServedClient]":
    """A client for the server: await whirlwind_client.fetch("/path"); it keeps cookies."""
    from whirlwind.pytest_plugin.served import ServedClient

    state = request.config.stash[_STATE]
    state.claim()
    client = ServedClient(whirlwind_server)
    yield client
    state.run_own(client.aclose(), request)


@pytest.fixture
def whirlwind_http_client(
    request: pytest.FixtureRequest, whirlwind_server: "RunningServer"
) -> "Iterator[AsyncHTTPClient]":
    """The configured AsyncHTTPClient, which knows the server's paths too."""
    from whirlwind.pytest_plugin.served import tornado_client

    request.config.stash[_STATE].claim()
    client = tornado_client(whirlwind_server)
    yield client
    client.close()


@pytest.fixture
def whirlwind_websocket(
    request: pytest.FixtureRequest, whirlwind_server: "RunningServer"
) -> "Iterator[WebSocketConnect]":
    """Connects to WebSockets: await whirlwind_websocket("/path", headers=None, **kwargs)."""
    from whirlwind.pytest_plugin.served import WebSocketConnect

    state = request.config.stash[_STATE]
    state.claim()
    connect = WebSocketConnect(whirlwind_server)
    yield connect
    state.run_own(connect.close(), request)


@pytest.fixture
def whirlwind_loop(request: pytest.FixtureRequest) -> "IOLoop":
    """The IOLoop of the test; a plain test calls its run_sync."""
    return request.config.stash[_STATE].claim().io_loop


_FIXTURES: Final = frozenset(__all__)
