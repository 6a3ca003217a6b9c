"""Every hook is called: overridden, patched on the class or on its base, mocked, on the instance,
before and after the first request, in synchronous and asynchronous handlers."""

from __future__ import annotations

import asyncio
import contextlib
from unittest import mock

import pytest

from .server import web

ON_SUCCESS = [
    "initialize",
    "set_default_headers",
    "prepare",
    "get",
    "_execute",
    "compute_etag",
    "check_etag_header",
    "finish",
    "flush",
    "on_finish",
    "write",
    "decode_argument",
    "clear",
]
ON_ERROR = [
    "_execute",
    "log_exception",
    "send_error",
    "write_error",
    "set_default_headers",
    "finish",
    "on_finish",
    "clear",
    "_handle_request_exception",
]
# What a handler can replace on itself: these are looked up after `initialize` ran.
ON_INSTANCE = [
    "prepare",
    "_execute",
    "compute_etag",
    "finish",
    "flush",
    "on_finish",
    "write",
    "log_exception",
    "send_error",
    "write_error",
    "set_default_headers",
    "get",
]
CASES = [(hook, "/ok/1") for hook in ON_SUCCESS] + [(hook, "/fail/1") for hook in ON_ERROR]


def make_handler(asynchronous: bool) -> type:
    """A fresh handler class, so that one test's patches are no other's."""

    class Handler(web.RequestHandler):
        def initialize(self):
            pass

        if asynchronous:

            async def get(self, word):
                await asyncio.sleep(0)
                self.respond()

        else:

            def get(self, word):
                self.respond()

        def respond(self):
            if self.request.path.startswith("/fail"):
                raise ZeroDivisionError
            self.write("fine")

    return Handler


@pytest.fixture(params=[False, True], ids=["sync", "async"])
def handler(request):
    return make_handler(request.param)


@pytest.fixture
def server(start, handler, logs):
    return start(web.Application([(r"/(?:ok|fail)/(\w+)", handler)]))


@contextlib.contextmanager
def spying(owner, hook, how):
    """Replace a hook by one that counts and calls the original; yield the list of calls."""
    calls = []
    original = getattr(owner, hook)
    if how == "mock":
        with mock.patch.object(owner, hook, autospec=True, side_effect=original) as mocked:
            yield mocked.mock_calls
        return

    def spy(*args, **kwargs):
        calls.append(hook)
        return original(*args, **kwargs)

    with mock.patch.object(owner, hook, spy):
        yield calls


class Transparent:
    """A wrapper of a method as wrapt makes it: it says of itself all that the method says."""

    def __init__(self, wrapped, calls):
        self._wrapped = wrapped
        self._calls = calls

    def __get__(self, instance, owner):
        return type(self)(self._wrapped.__get__(instance, owner), self._calls)

    def __getattr__(self, name):
        return getattr(self._wrapped, name)

    def __call__(self, *args, **kwargs):
        self._calls.append(args)
        return self._wrapped(*args, **kwargs)


def check(server, target):
    answer = server.request(target)
    assert answer.status == (500 if "fail" in target else 200)
    if "fail" not in target:
        assert answer.body == b"fine"


@pytest.mark.parametrize(("hook", "target"), CASES, ids=lambda value: value.strip("/"))
@pytest.mark.parametrize("how", ["patch", "mock"])
@pytest.mark.parametrize("first", ["fresh", "warm"])
def test_patched_class(server, handler, hook, target, how, first):
    if first == "warm":
        check(server, target)
    with spying(handler, hook, how) as calls:
        check(server, target)
        assert len(calls) >= 1
        seen = len(calls)
        check(server, target)
        assert len(calls) == 2 * seen
    check(server, target)
    assert len(calls) == 2 * seen


@pytest.mark.parametrize(
    ("hook", "target"),
    [case for case in CASES if case[0] not in ("get", "initialize")],
    ids=lambda value: value.strip("/"),
)
@pytest.mark.parametrize("first", ["fresh", "warm"])
def test_patched_base_as_tracing_agents_do(server, hook, target, first):
    if first == "warm":
        check(server, target)
    with spying(web.RequestHandler, hook, "patch") as calls:
        check(server, target)
        assert len(calls) >= 1
    seen = len(calls)
    check(server, target)
    assert len(calls) == seen


@pytest.mark.parametrize(
    ("hook", "target"),
    [case for case in CASES if case[0] not in ("get", "initialize")],
    ids=lambda value: value.strip("/"),
)
def test_wrapped_on_the_base_by_what_hides_itself(server, hook, target):
    calls = []
    wrapper = Transparent(getattr(web.RequestHandler, hook), calls)
    with mock.patch.object(web.RequestHandler, hook, wrapper):
        check(server, target)
        assert len(calls) >= 1
    seen = len(calls)
    check(server, target)
    assert len(calls) == seen


@pytest.mark.parametrize(("hook", "target"), CASES, ids=lambda value: value.strip("/"))
def test_overridden_in_a_subclass(start, handler, logs, hook, target):
    calls = []

    def override(self, *args, **kwargs):
        calls.append(hook)
        return getattr(super(derived, self), hook)(*args, **kwargs)

    derived = type("Derived", (handler,), {hook: override})
    server = start(web.Application([(r"/(?:ok|fail)/(\w+)", derived)]))
    check(server, target)
    assert len(calls) >= 1


@pytest.mark.parametrize(
    ("hook", "target"),
    [case for case in CASES if case[0] in ON_INSTANCE and case != ("set_default_headers", "/ok/1")],
    ids=lambda value: value.strip("/"),
)
@pytest.mark.parametrize("first", ["fresh", "warm"])
def test_replaced_on_the_instance(server, handler, hook, target, first):
    calls = []
    if first == "warm":
        check(server, target)

    def initialize(self):
        original = getattr(self, hook)

        def spy(*args, **kwargs):
            calls.append(hook)
            return original(*args, **kwargs)

        setattr(self, hook, spy)

    with mock.patch.object(handler, "initialize", initialize):
        check(server, target)
        assert len(calls) >= 1
    seen = len(calls)
    check(server, target)
    assert len(calls) == seen


def test_execute_wrapped_by_a_coroutine_function(server, handler):
    """The way sentry-sdk and others do it: an async function around the original."""
    seen = []
    original = web.RequestHandler._execute

    async def traced(self, *args, **kwargs):
        seen.append(("enter", self.request.method, args, kwargs))
        try:
            return await original(self, *args, **kwargs)
        finally:
            seen.append(("exit", self.get_status(), self._finished))

    with mock.patch.object(web.RequestHandler, "_execute", traced):
        check(server, "/ok/1")
        check(server, "/fail/1")
    assert [entry[0] for entry in seen] == ["enter", "exit", "enter", "exit"]
    assert [entry[1:] for entry in seen if entry[0] == "exit"] == [(200, True), (500, True)]
    assert seen[0][1] == "GET"


def test_order_of_the_life_cycle(start, logs):
    calls = []

    class Handler(web.RequestHandler):
        def initialize(self, tag):
            calls.append(f"initialize {tag}")

        def set_default_headers(self):
            calls.append("set_default_headers")

        def check_xsrf_cookie(self):
            calls.append("check_xsrf_cookie")

        def decode_argument(self, value, name=None):
            calls.append(f"decode_argument {name}")
            return super().decode_argument(value, name)

        async def prepare(self):
            calls.append("prepare")
            await asyncio.sleep(0)
            calls.append("prepared")

        async def post(self, word):
            calls.append(f"post {word}")
            await asyncio.sleep(0)
            self.write("x")

        def compute_etag(self):
            calls.append("compute_etag")

        def finish(self, chunk=None):
            calls.append("finish")
            return super().finish(chunk)

        def flush(self, include_footers=False):
            calls.append("flush")
            return super().flush(include_footers)

        def on_finish(self):
            calls.append("on_finish")

    server = start(
        web.Application(
            [(r"/(\w+)", Handler, {"tag": "t"})],
            xsrf_cookies=True,
            log_function=lambda handler: calls.append("log"),
        )
    )
    server.request("/w", method="POST", body=b"")
    expected = ["set_default_headers", "initialize t", "decode_argument None", "check_xsrf_cookie"]
    expected += ["prepare", "prepared", "post w", "finish"]
    got = [call for call in calls if call not in ("compute_etag", "flush")]
    assert got == [*expected, "log", "on_finish"]


def test_prepare_may_finish(serve, logs):
    class Handler(web.RequestHandler):
        async def prepare(self):
            self.set_status(401)
            self.finish("no")

        def get(self):
            raise AssertionError("not reached")

    answer = serve(Handler).request()
    assert (answer.status, answer.body) == (401, b"no")
    assert logs.tracebacks() == []


def test_method_attribute_is_looked_up_on_the_instance(serve):
    class Handler(web.RequestHandler):
        def prepare(self):
            self.get = self.other

        def other(self):
            self.write("other")

    assert serve(Handler).request().body == b"other"


def test_supported_methods_can_be_extended(serve):
    class Handler(web.RequestHandler):
        SUPPORTED_METHODS = (*web.RequestHandler.SUPPORTED_METHODS, "PROPFIND")

        def propfind(self):
            self.write("found")

    assert serve(Handler).request(method="PROPFIND").body == b"found"


@pytest.mark.parametrize("where", ["class", "base", "instance"])
def test_supported_methods_can_be_changed_at_any_time(start, where):
    class Handler(web.RequestHandler):
        def initialize(self):
            if less and where == "instance":
                self.SUPPORTED_METHODS = ("POST",)

        def get(self):
            self.write("fine")

    less = False
    server = start(web.Application([("/", Handler)]))
    assert server.request().status == 200
    owner = {"class": Handler, "base": web.RequestHandler}.get(where)
    with contextlib.ExitStack() as stack:
        less = True
        if owner is not None:
            stack.enter_context(mock.patch.object(owner, "SUPPORTED_METHODS", ("POST",)))
        assert server.request().status == 405
    less = False
    assert server.request().status == 200


@pytest.mark.parametrize("base", ["class", "base"])
def test_init_can_be_patched_at_any_time(start, base):
    class Handler(web.RequestHandler):
        def get(self):
            self.write(f"{vars(self).get('seen')}")

    server = start(web.Application([("/", Handler)]))
    assert server.request().body == b"None"
    original = web.RequestHandler.__init__

    def patched(self, application, request, **kwargs):
        original(self, application, request, **kwargs)
        self.seen = 1

    owner = Handler if base == "class" else web.RequestHandler
    with mock.patch.object(owner, "__init__", patched):
        assert server.request().body == b"1"
    assert server.request().body == b"None"


def test_however_a_class_makes_its_instances(start):
    class Counting(type):
        def __call__(cls, *args, **kwargs):
            made.append(cls.__name__)
            return super().__call__(*args, **kwargs)

    class Base(web.RequestHandler):
        def get(self):
            self.write(f"{type(self).__name__} {self.tag}")

        def initialize(self, tag="-"):
            self.tag = tag

    class Meta(Base, metaclass=Counting):
        pass

    class New(Base):
        def __new__(cls, application, request, **kwargs):
            made.append((cls.__name__, request.path))
            return super().__new__(cls)

    class Mixin:
        def __init__(self, *args, **kwargs):
            made.append("mixin")
            super().__init__(*args, **kwargs)

    class Mixed(Mixin, Base):
        pass

    made = []
    classes = [Base, Meta, New, Mixed]
    routes = [(f"/{cls.__name__}", cls) for cls in classes]
    routes += [(f"/{cls.__name__}/t", cls, {"tag": "t"}) for cls in classes]
    server = start(web.Application(routes))
    for cls in classes:
        for _ in range(2):
            assert server.request(f"/{cls.__name__}").body == f"{cls.__name__} -".encode()
            assert server.request(f"/{cls.__name__}/t").body == f"{cls.__name__} t".encode()
    assert made == [*["Meta"] * 4, *[("New", "/New"), ("New", "/New/t")] * 2, *["mixin"] * 4]


def test_arguments_of_the_path_are_each_requests_own(serve):
    class Handler(web.RequestHandler):
        def get(self):
            self.path_args.append("a")
            self.path_kwargs["b"] = 1
            self.write(f"{self.path_args} {self.path_kwargs}")

    server = serve(Handler)
    for _ in range(2):
        assert server.request().body == b"['a'] {'b': 1}"


def test_a_rule_can_be_changed_while_it_serves(start):
    class Handler(web.RequestHandler):
        def initialize(self, tag):
            self.tag = tag

        def get(self):
            self.write(self.tag)

    class Other(web.RequestHandler):
        def get(self):
            self.write("other")

    application = web.Application([("/", Handler, {"tag": "a"})])
    server = start(application)
    rule = application.wildcard_router.rules[0]
    assert server.request().body == b"a"
    rule.target_kwargs["tag"] = "b"
    assert server.request().body == b"b"
    rule.target_kwargs = {"tag": "c"}
    assert server.request().body == b"c"
    rule.target, rule.target_kwargs = Other, {}
    assert server.request().body == b"other"


@pytest.mark.parametrize("how", ["subclass", "instance", "class"])
@pytest.mark.parametrize("target", ["/ok/1", "/fail/1", "/unknown"])
def test_log_request_of_the_application(start, handler, logs, how, target):
    lines = []
    routes = [(r"/(?:ok|fail)/(\w+)", handler)]

    def log_request(self, request_handler):
        lines.append((request_handler.get_status(), request_handler.request.path))

    if how == "subclass":
        application = type("App", (web.Application,), {"log_request": log_request})(routes)
    else:
        application = web.Application(routes)
    server = start(application)
    if how != "subclass":
        server.request(target)  # the first request has the original
        assert lines == []
    if how == "instance":
        application.log_request = lambda request_handler: log_request(None, request_handler)
    with contextlib.ExitStack() as stack:
        if how == "class":
            patch = mock.patch.object(web.Application, "log_request", log_request)
            stack.enter_context(patch)
        status = server.request(target).status
    assert lines == [(status, target)]


def test_settings_may_be_computed(start):
    class Computing(web.Application):
        @property
        def settings(self):
            return {**self.own, "log_function": lambda handler: lines.append(handler.request.path)}

        @settings.setter
        def settings(self, value):
            self.own = value

    class Handler(web.RequestHandler):
        def get(self):
            self.write(f"{self.settings['answer']}")

        def post(self):
            pass

    lines = []
    server = start(Computing([("/", Handler)], answer=42))
    assert server.request().body == b"42"
    server.request(method="POST", body=b"")
    with mock.patch.object(Computing, "settings", {"xsrf_cookies": True, "log_function": print}):
        assert server.request(method="POST", body=b"").status == 403
    assert server.request(method="POST", body=b"").status == 200
    assert lines == ["/", "/", "/"]


def test_log_function_setting(start, handler, logs):
    seen = []
    application = web.Application([(r"/(?:ok|fail)/(\w+)", handler)], log_function=seen.append)
    server = start(application)
    server.request("/ok/1")
    assert [h.request.path for h in seen] == ["/ok/1"]
    assert isinstance(seen[0], handler)
    other = []
    application.settings["log_function"] = other.append  # settings are read when used
    server.request("/ok/2")
    assert len(seen) == 1
    assert [h.request.path for h in other] == ["/ok/2"]
    assert logs.lines("access") == []


def test_transforms_see_the_response(start, logs):
    seen = []

    class Transform(web.OutputTransform):
        def __init__(self, request):
            seen.append(request.path)

        def transform_first_chunk(self, status_code, headers, chunk, finishing):
            headers["X-Transformed"] = "1"
            return status_code, headers, chunk.upper()

        def transform_chunk(self, chunk, finishing):
            return chunk.upper()

    class Handler(web.RequestHandler):
        async def get(self):
            self.write("a")
            if self.request.path == "/flush":
                await self.flush()
                self.write("b")

    server = start(web.Application([(r".*", Handler)], transforms=[Transform]))
    answer = server.request("/flush")
    assert (answer.body, answer.get("X-Transformed")) == (b"AB", "1")
    answer = server.request("/plain")
    assert (answer.body, answer.get("Content-Length")) == (b"A", "1")
    assert seen == ["/flush", "/plain"]


def test_new_attributes_stick_to_handler_and_request(serve):
    class Handler(web.RequestHandler):
        def initialize(self):
            self.started = "yes"
            self.request.marked = "too"

        def get(self):
            self.write(self.started + self.request.marked)

    assert serve(Handler).request().body == b"yestoo"


def test_current_user_is_computed_once_and_can_be_set(serve):
    class Handler(web.RequestHandler):
        calls = 0

        def get_current_user(self):
            self.calls += 1
            return "ann"

        def get(self):
            self.write(f"{self.current_user}{self.current_user}{self.calls}")
            self.current_user = "bob"
            self.write(self.current_user)

    assert serve(Handler).request().body == b"annann1bob"
