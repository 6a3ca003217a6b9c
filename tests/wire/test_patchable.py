"""Public classes behave as Python classes do, whatever is compiled underneath."""

from __future__ import annotations

import asyncio
import copy
import inspect
import os
import pathlib
import subprocess
import sys
from unittest import mock

import pytest

from .raw import build
from .server import PACKAGE, httputil, web

CLASSES = [
    web.RequestHandler,
    web.Application,
    httputil.HTTPServerRequest,
    httputil.HTTPHeaders,
]
# The names without underscore that the API promises. Every other name belongs to the users, who
# subclass these classes and call their own helpers as they like.
PROMISED = {
    "RequestHandler": """
        SUPPORTED_METHODS add_header check_etag_header check_trusted_origin check_xsrf_cookie clear
        clear_all_cookies clear_cookie clear_header compute_etag cookies create_signed_value
        create_template_loader current_user data_received decode_argument delete detach finish flush
        get get_argument get_arguments get_body_argument get_body_arguments get_browser_locale
        get_cookie get_current_user get_login_url get_query_argument get_query_arguments
        get_secure_cookie get_secure_cookie_key_version get_signed_cookie
        get_signed_cookie_key_version get_status get_template_namespace get_template_path
        get_user_locale head initialize locale log_exception on_connection_close on_finish options
        patch post prepare put redirect render render_embed_css render_embed_js render_linked_css
        render_linked_js render_string require_setting reverse_url send_error set_cookie
        set_default_headers set_etag_header set_header set_secure_cookie set_signed_cookie
        set_status settings static_url write write_error xsrf_form_html xsrf_token
        application request path_args path_kwargs ui""",
    "Application": """
        add_handlers add_transform find_handler get_handler_delegate listen log_request on_close
        reverse_url start_request settings ui_methods ui_modules default_host transforms
        default_router wildcard_router""",
    "HTTPServerRequest": """
        cookies full_url get_ssl_certificate request_time arguments body body_arguments connection
        files headers host host_name method path protocol query query_arguments remote_ip
        server_connection uri version""",
    "HTTPHeaders": """
        add clear copy get get_all get_list items keys parse parse_line pop popitem setdefault
        update values""",
}
METHODS = [
    (cls, name)
    for cls in CLASSES
    for name in PROMISED[cls.__name__].split()
    if callable(getattr(cls, name, None))
]
IDS = [f"{cls.__name__}.{name}" for cls, name in METHODS]

UNBOUND = f"""
import sys
from {PACKAGE} import httputil, web
for cls in (web.RequestHandler, httputil.HTTPServerRequest, httputil.HTTPHeaders):
    for name in sorted(dir(cls)):
        method = getattr(cls, name)
        # Methods written in C but not the interpreter's own; Python functions can not crash.
        if "cython" not in type(method).__name__ and name.startswith("__"):
            continue
        if not callable(method) or isinstance(method, type) or inspect_is_classmethod(cls, name):
            continue
        for count in range(4):
            print(cls.__name__, name, count, flush=True)
            try:
                method(*[object()] * count)
            except Exception:
                pass
print("survived", flush=True)
"""


def test_unbound_methods_survive_a_foreign_self():
    """``RequestHandler.finish(double)`` is how people test handlers; it must never crash."""
    program = UNBOUND.replace(
        "inspect_is_classmethod(cls, name)",
        "not hasattr(object, name) and any(isinstance(vars(c).get(name), classmethod) "
        "for c in cls.__mro__)",
    )
    # The copy that is under test here, wherever it was imported from.
    source = str(pathlib.Path(web.__file__).parent.parent.parent)
    if PACKAGE != "whirlwind":
        source = ""
    paths = filter(None, [source, os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    last = done.stdout.strip().split("\n")[-1]
    assert last == "survived", f"crashed with {done.returncode} at {last}\n{done.stderr[-500:]}"


@pytest.mark.parametrize(("cls", "name"), METHODS, ids=IDS)
def test_methods_can_be_mocked_with_autospec(cls, name):
    """A mock with the signature of the original is a function: it gets ``self``."""
    raw = inspect.getattr_static(cls, name)
    if isinstance(raw, (classmethod, staticmethod, type, property)) or raw is None:
        return
    instance = cls.__new__(cls)
    with mock.patch.object(cls, name, autospec=True) as mocked:
        arguments = [None] * required(getattr(cls, name))
        getattr(instance, name)(*arguments)
    assert mocked.mock_calls[0].args[0] is instance


def required(function) -> int:
    """How many positional arguments a function demands beyond ``self``."""
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    parameters = list(inspect.signature(function).parameters.values())[1:]
    return len([p for p in parameters if p.kind in kinds and p.default is p.empty])


@pytest.mark.parametrize(("cls", "name"), METHODS, ids=IDS)
def test_methods_can_be_replaced_and_restored(cls, name):
    original = inspect.getattr_static(cls, name)
    with mock.patch.object(cls, name, "replaced"):
        assert getattr(cls, name) == "replaced"
    assert inspect.getattr_static(cls, name) is original


def test_helpers_of_a_subclass_may_have_any_name(start, logs):
    """A user's ``fail`` or ``begin`` is the user's: it must not be taken for one of ours."""
    taken = []

    def stray(name):
        def helper(self, *args, **kwargs):
            taken.append(name)
            raise AssertionError(f"{name} was called by the framework")

        return helper

    def strays(cls):
        promised = PROMISED[cls.__name__].split()
        return {name: stray(name) for name in dir(cls) if name[0] != "_" and name not in promised}

    class Handler(type("Base", (web.RequestHandler,), strays(web.RequestHandler))):
        async def get(self, what):
            if what == "suspend":
                await asyncio.sleep(0)
            elif what == "flush":
                self.write("early ")
                await self.flush()
            elif what == "fail":
                raise web.HTTPError(418)
            self.write(what)

        def post(self, what):
            self.write(self.get_body_argument("a"))

    application = type("App", (web.Application,), strays(web.Application))
    server = start(application([(r"/(\w+)", Handler)]))
    assert server.request("/plain").body == b"plain"
    assert server.request("/suspend").body == b"suspend"
    assert server.request("/flush").body == b"early flush"
    assert server.request("/fail").status == 418
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert server.request("/form", "POST", b"a=b", form).body == b"b"
    assert taken == []


class Setting(web.RequestHandler):
    def get(self):
        self.set_cookie("a", "b")
        self.write("x")


def _undated(response):
    # the next request may be answered in the next second
    return [(name, value) for name, value in response.fields if name != "Date"]


def test_hooks_patched_while_the_server_runs_are_called(serve):
    with serve(Setting).connect() as connection:
        fields = _undated(connection.request())
        for name in ("set_header", "add_header"):
            original = getattr(Setting, name)
            with mock.patch.object(Setting, name, autospec=True, side_effect=original) as patched:
                assert _undated(connection.request()) == fields
            field = {"set_header": "Content-Length", "add_header": "Set-Cookie"}[name]
            assert field in [call.args[1] for call in patched.call_args_list]
        assert _undated(connection.request()) == fields
        assert len(patched.call_args_list) == 1


@pytest.mark.parametrize("name", ["set_header", "add_header"])
def test_a_hook_that_fails_in_finish_lets_no_client_wait(serve, logs, name):
    class Failing(Setting):
        pass

    def fail(self, field, value):
        raise ZeroDivisionError

    setattr(Failing, name, fail)
    with serve(Failing).connect() as connection:
        connection.send(build())
        if name == "set_header":
            assert connection.read().status == 500
        else:
            connection.read_eof()  # it was about to be sent
    assert ZeroDivisionError in logs.errors()


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_subclasses_take_attributes_and_slots_are_no_obstacle(cls):
    derived = type("Derived", (cls,), {"added": 1})
    instance = derived.__new__(derived)
    instance.anything = 2
    assert (instance.added, instance.anything) == (1, 2)
    plain = cls.__new__(cls)
    plain.anything = 3
    assert plain.anything == 3


def test_handler_can_mix_with_other_bases():
    class Mixin:
        def helper(self):
            return "helped"

    class Handler(Mixin, web.RequestHandler):
        pass

    class Other(web.RequestHandler, Mixin):
        pass

    assert Handler.__new__(Handler).helper() == Other.__new__(Other).helper() == "helped"


def test_headers_are_a_mutable_mapping_that_copies():
    headers = httputil.HTTPHeaders({"a-b": "1"})
    headers.add("A-B", "2")
    twin = copy.copy(headers)
    twin["A-B"] = "3"
    assert headers.get_list("a-B") == ["1", "2"]
    assert isinstance(headers, httputil.HTTPHeaders)


def test_a_handler_can_be_made_by_hand_as_in_unit_tests():
    application = web.Application([])
    request = mock.Mock(spec=httputil.HTTPServerRequest)
    request.connection = mock.Mock()
    request.headers = httputil.HTTPHeaders()
    request.method = "GET"

    class Handler(web.RequestHandler):
        def initialize(self, value):
            self.value = value

    handler = Handler(application, request, value=5)
    handler.set_header("X-A", "b")
    handler.set_status(202)
    handler.write({"a": 1})
    assert handler.value == 5
    assert handler.get_status() == 202
    assert handler.application is application
    assert handler.request is request
