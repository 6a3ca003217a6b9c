"""The demo: a small web app to click through, answered by Whirlwind.

Run ``python examples/demo/app.py`` and open the address it prints.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import secrets
import signal
import socket
import sys
from pathlib import Path

from handlers.api import (
    ApiNotFoundHandler,
    ApiPageHandler,
    BeaufortHandler,
    ForceHandler,
    MeanHandler,
    StatusHandler,
    WindHandler,
)
from handlers.assets import AssetHandler, asset_url
from handlers.cache import BarographHandler, CachePageHandler
from handlers.chest import (
    ChestHandler,
    Chests,
    DiscardHandler,
    KeptFileHandler,
    SignInHandler,
    SignOutHandler,
)
from handlers.errors import ErrorsPageHandler, FailureHandler, NotFoundHandler
from handlers.home import HomeHandler
from handlers.inspector import InspectHandler
from handlers.language import LanguageHandler, load_languages
from handlers.logbook import LogbookHandler
from handlers.modules import UI_MODULES
from handlers.radio import RadioHandler, RadioPageHandler
from handlers.station import Station
from handlers.stream import CounterHandler, RowsHandler, StreamPageHandler
from handlers.upload import UploadHandler, UploadPageHandler

from whirlwind import web
from whirlwind.httpserver import HTTPServer
from whirlwind.ioloop import run
from whirlwind.netutil import bind_sockets

# Forms and JSON are tiny here. The upload lifts the limit for itself: it never keeps a body.
MAX_BODY_SIZE = 64 * 1024
PING_INTERVAL = 20.0  # seconds after which a silent radio is asked whether it is there
GRACE = 3.0  # seconds that answers under way have to end, after Ctrl-C


def make_app(station: Station | None = None) -> web.Application:
    """Build the application.

    :arg station: what the demo remembers between requests; a fresh one unless given.
    :returns: the application, ready for ``HTTPServer``.
    """
    load_languages()
    station = station if station is not None else Station(Chests())
    shared = {"station": station}

    icon = {"url": asset_url("favicon.svg"), "permanent": False}

    def route(pattern: str, handler: type[web.RequestHandler], name: str) -> web.URLSpec:
        return web.url(pattern, handler, shared, name=name)

    return web.Application(
        [
            route(r"/", HomeHandler, "home"),
            route(r"/api", ApiPageHandler, "api"),
            route(r"/api/beaufort", BeaufortHandler, "beaufort"),
            route(r"/api/beaufort/([0-9]{1,3})", ForceHandler, "force"),
            route(r"/api/wind", WindHandler, "wind"),
            route(r"/api/mean", MeanHandler, "mean"),
            route(r"/api/status", StatusHandler, "status"),
            route(r"/api/.*", ApiNotFoundHandler, "api-not-found"),
            route(r"/logbook", LogbookHandler, "logbook"),
            route(r"/upload", UploadPageHandler, "upload"),
            route(r"/upload/file", UploadHandler, "upload-file"),
            route(r"/chest", ChestHandler, "chest"),
            route(r"/chest/sign-in", SignInHandler, "sign-in"),
            route(r"/chest/sign-out", SignOutHandler, "sign-out"),
            route(r"/chest/discard", DiscardHandler, "discard"),
            web.url(
                r"/chest/file/([0-9a-f]{16})",
                KeptFileHandler,
                {"chests": station.chests},
                name="kept-file",
            ),
            route(r"/stream", StreamPageHandler, "stream"),
            route(r"/stream/rows", RowsHandler, "rows"),
            route(r"/stream/counter", CounterHandler, "counter"),
            route(r"/radio", RadioPageHandler, "radio"),
            route(r"/radio/channel", RadioHandler, "channel"),
            route(r"/cache", CachePageHandler, "cache"),
            route(r"/cache/barograph", BarographHandler, "barograph"),
            route(r"/errors", ErrorsPageHandler, "errors"),
            route(r"/errors/(argument|forbidden|raise)", FailureHandler, "failure"),
            route(r"/inspect", InspectHandler, "inspect"),
            route(r"/language", LanguageHandler, "language"),
            web.url(r"/assets/([a-z]+\.[a-z]+)", AssetHandler, name="asset"),
            web.url(r"/favicon\.ico", web.RedirectHandler, icon),
        ],
        default_handler_class=NotFoundHandler,
        default_handler_args=shared,
        template_path=str(Path(__file__).resolve().parent / "templates"),
        ui_modules=UI_MODULES,
        cross_origin_protection=True,
        cookie_secret=secrets.token_hex(32),  # who has signed in is forgotten with the files
        login_url="/chest",
        websocket_ping_interval=PING_INTERVAL,
    )


async def serve(sockets: list[socket.socket]) -> None:
    """Answer requests on ``sockets`` until Ctrl-C or SIGTERM, then finish what is under way."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    if sys.platform != "win32":
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)

    server = HTTPServer(make_app(), max_body_size=MAX_BODY_SIZE)
    server.add_sockets(sockets)
    host, port = sockets[0].getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    print(f"Whirlwind demo: http://{shown}:{port}/ (Ctrl-C stops it)", flush=True)
    await stop.wait()
    draining = asyncio.ensure_future(server.drain(GRACE))
    if sys.platform != "win32":
        # A second Ctrl-C does not wait. Cancelled, not interrupted: the interpreter's own
        # KeyboardInterrupt comes anywhere, in the middle of a callback too.
        loop.add_signal_handler(signal.SIGINT, draining.cancel)
    await asyncio.wait([draining])


def main() -> int:
    """Read the command line, serve, and return the exit status."""
    parser = argparse.ArgumentParser(description="The Whirlwind demo.")
    parser.add_argument("--port", type=int, default=8888, help="0 picks a free one")
    parser.add_argument("--address", default="127.0.0.1", help="where to listen")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname).1s %(message)s")
    try:
        sockets = bind_sockets(arguments.port, arguments.address)
    except OSError as error:
        print(
            f"Cannot listen on {arguments.address} port {arguments.port}: {error.strerror}."
            " Choose another with --port.",
            file=sys.stderr,
        )
        return 1
    try:
        run(serve(sockets))
    except KeyboardInterrupt:  # on Windows, where loops take no signals
        pass
    return 0


if __name__ == "__main__":
    sys.exit(main())
