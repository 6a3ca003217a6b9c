"""`whirlwind routes`."""

import pytest

from whirlwind.cli.main import main

ROUTED = """
from apps import Hello, asgi, request_callback, wsgi
from whirlwind import asgi as asgi_module
from whirlwind import routing, web, websocket
from whirlwind import wsgi as wsgi_module


class Form(web.RequestHandler):
    def get(self): pass
    async def post(self): pass


class Chat(websocket.WebSocketHandler):
    pass


async def app():
    made = web.Application(
        [
            (r"/", Hello, None, "start"),
            (r"/form/([0-9]+)", Form),
            (r"/chat", Chat),
            (r"/api/.*", [(r"/api/v1", Hello), (r"/api/.*", asgi_module.ASGIContainer(asgi))]),
            (r"/old/.*", wsgi_module.WSGIContainer(wsgi)),
            (r"/callback", request_callback),
            (r"/gone", web.ErrorHandler, {"status_code": 410}),
        ],
        static_path="static",
    )
    made.add_handlers(r"admin\\..*", [(r"/", Form)])
    return made


router = routing.RuleRouter([routing.Rule(routing.AnyMatches(), request_callback)])
"""

TABLE = r"""
PATH              METHODS    TARGET                           NAME
host admin\..* /  GET POST   routed.Form
/static/(.*)      GET HEAD   whirlwind.web.StaticFileHandler
/(favicon\.ico)   GET HEAD   whirlwind.web.StaticFileHandler
/(robots\.txt)    GET HEAD   whirlwind.web.StaticFileHandler
/                 GET        apps.Hello                       start
/form/([0-9]+)    GET POST   routed.Form
/chat             WebSocket  routed.Chat
/api/.* /api/v1   GET        apps.Hello
/api/.* /api/.*   *          ASGI: apps.asgi
/old/.*           *          WSGI: apps.wsgi
/callback         *          apps.request_callback
/gone             *          whirlwind.web.ErrorHandler
"""


@pytest.fixture(autouse=True)
def routed(here) -> None:
    (here / "routed.py").write_text(ROUTED)


def test_every_route_in_order(capsys) -> None:
    assert main(["routes", "routed"]) == 0
    assert capsys.readouterr().out.split("\n") == TABLE.split("\n")[1:]


def test_a_router(capsys) -> None:
    assert main(["routes", "routed:router"]) == 0
    assert capsys.readouterr().out.split("\n")[1:] == ["*     *        apps.request_callback", ""]


def test_what_has_no_routes(capsys) -> None:
    assert main(["routes", "apps:asgi"]) == 2
    assert capsys.readouterr().err == (
        "whirlwind routes: error: apps:asgi is a function: only a web.Application or a "
        "RuleRouter can tell its routes\n"
    )
