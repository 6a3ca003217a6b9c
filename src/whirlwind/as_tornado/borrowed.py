"""Names of the standard library and private ones that programs take from Tornado's modules.

``from tornado.httputil import urlencode``, ``mock.patch("tornado.web.time.time")``. Loaded when a
program asks for a name that nothing else has, and only where Whirlwind stands in for Tornado.
"""

import errno
import importlib
from typing import Any, Final

#: Where what is not a module itself is defined.
_STANDARD_HOMES: Final = {
    "binascii": "hexlify",
    "collections.abc": "Awaitable Callable Coroutine Generator Iterable Iterator Mapping Sequence",
    "concurrent": "futures",
    "functools": "lru_cache partial singledispatch",
    "http.client": "responses",
    "inspect": "getfullargspec isawaitable isclass",
    "io": "BytesIO StringIO",
    "re": "Match Pattern",
    "ssl": "SSLError",
    "subprocess": "CalledProcessError",
    "types": "TracebackType",
    "typing": "Any AnyStr ContextManager Dict Generic List Optional Protocol TextIO Tuple Type "
    "TypeVar TypedDict Union cast overload",
    "urllib.parse": "parse_qsl urlencode urlparse urlunparse",
}

#: What each module of Tornado 6.6.1 shows of the standard library.
_SHOWN_STANDARD: Final = {
    "auth": "Any Iterable base64 binascii cast hashlib hmac re time urllib uuid warnings",
    "autoreload": "Callable functools importlib os pkgutil signal subprocess sys traceback types "
    "weakref",
    "concurrent": "Any Callable Union asyncio functools futures sys types typing",
    "escape": "Any Callable binascii html json re typing urllib",
    "gen": "Any Awaitable Callable Dict Generator Iterable List Mapping Sequence Tuple Type "
    "Union asyncio builtins collections concurrent contextvars datetime functools isawaitable "
    "overload singledispatch sys types typing",
    "http1connection": "Awaitable Callable Optional Type asyncio cast logging re types zlib",
    "httpclient": "Any Awaitable BytesIO Callable Optional Type Union cast datetime functools "
    "ssl time weakref",
    "httpserver": "Any Awaitable Callable socket ssl typing",
    "httputil": "AnyStr Awaitable Generator Iterable Iterator Mapping SSLError calendar "
    "collections copy dataclasses datetime email http lru_cache parse_qsl re responses time typing "
    "unicodedata urlencode urlparse urlunparse warnings",
    "ioloop": "Any Awaitable Callable Protocol TypeVar TypedDict asyncio concurrent datetime "
    "functools isawaitable math numbers os random sys time typing warnings",
    "iostream": "Any Awaitable Callable Pattern TracebackType TypeVar asyncio collections errno "
    "io numbers os re socket ssl sys typing",
    "locale": "Any Iterable codecs csv datetime gettext glob os re",
    "locks": "Any Awaitable Optional Type collections datetime types",
    "log": "Any cast curses logging sys",
    "netutil": "Any Awaitable Callable asyncio concurrent errno functools os socket ssl stat sys",
    "options": "Any Callable Iterable Iterator TextIO datetime numbers os re sys textwrap",
    "platform.asyncio": "Any Callable Protocol TypeVar Union asyncio atexit concurrent "
    "contextvars errno functools select socket sys threading typing warnings",
    "platform.caresresolver": "Any Generator socket typing",
    "process": "Any Callable CalledProcessError asyncio hexlify multiprocessing os signal "
    "subprocess sys time",
    "queues": "Any Awaitable Generic TypeVar collections datetime heapq",
    "routing": "Any Awaitable Pattern Sequence Union overload partial re",
    "simple_httpclient": "Any Awaitable BytesIO Callable Optional TracebackType Type base64 "
    "collections copy functools re socket ssl sys time urllib",
    "tcpclient": "Any Callable Iterator Tuple asyncio datetime functools numbers socket ssl",
    "tcpserver": "Any Awaitable Callable Iterable errno os socket ssl",
    "template": "Any Callable ContextManager Iterable Optional StringIO TextIO datetime "
    "linecache os posixpath re threading typing",
    "testing": "Any Callable Coroutine Generator Optional TracebackType Type Union asyncio "
    "functools inspect logging os re signal socket sys typing unittest warnings",
    "util": "Any Callable Mapping Match Sequence array asyncio getfullargspec os re typing "
    "warnings zlib",
    "web": "Any Awaitable BytesIO Callable Generator Iterable Optional TracebackType Type "
    "TypeVar Union asyncio base64 binascii cast datetime email functools gzip hashlib hmac http "
    "isclass mimetypes numbers os overload re socket stat string sys threading time traceback "
    "types urlencode urllib warnings",
    "websocket": "Any Awaitable Callable Optional Protocol TracebackType Type Union abc asyncio "
    "base64 cast functools hashlib logging os struct sys warnings zlib",
    "wsgi": "Any BytesIO Callable TracebackType concurrent sys typing",
}

#: Private names that programs in the wild import, and what means the same here.
_PRIVATE: Final = {
    "log._unicode": "escape._unicode",
    "options._unicode": "escape._unicode",
    "routing._unquote_or_none": "routing.matchers.unquoted",
    "simple_httpclient._unicode": "escape._unicode",
    "web._ARG_DEFAULT": "web.arguments._REQUIRED",
    "web._ApplicationRouter": "web.application.ApplicationRouter",
    "web._ArgDefaultMarker": "web.arguments._Required",
    "web._RuleList": "routing._RuleList",
    "web._has_stream_request_body": "web.decorators.has_stream_request_body",
    "web._unicode": "escape._unicode",
}
_ERRORS_OF_LOST_CONNECTIONS: Final = (
    errno.ECONNRESET, errno.ECONNABORTED, errno.EPIPE, errno.ETIMEDOUT,
)  # fmt: skip


def borrowed(package: str, module: str, name: str) -> Any:
    """Return what a module of Tornado's has under a name that ours does not have.

    :arg package: the name of ours.
    :arg module: the module's name in it.
    :raises AttributeError: if Tornado's module has no such name either.
    """
    if name in _SHOWN_STANDARD.get(module, "").split():
        for home, names in _STANDARD_HOMES.items():
            if name in names.split():
                return getattr(importlib.import_module(home), name)
        return importlib.import_module(name)
    if f"{module}.{name}" in _PRIVATE:
        home, _, its_name = _PRIVATE[f"{module}.{name}"].rpartition(".")
        return getattr(importlib.import_module(f"{package}.{home}"), its_name)
    if (module, name) == ("iostream", "_ERRNO_CONNRESET"):
        return _ERRORS_OF_LOST_CONNECTIONS
    if name == "tornado" and module in ("web", "websocket", "wsgi"):
        return importlib.import_module(package)
    raise AttributeError(f"module {f'{package}.{module}'!r} has no attribute {name!r}")
