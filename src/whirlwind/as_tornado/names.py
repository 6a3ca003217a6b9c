"""Names that Tornado's modules do not define but show, as each imports from its neighbours.

Programs get at them: ``mock.patch("tornado.web.app_log.error")``, ``from tornado.web import gen``.
They are looked up when they are asked for, and only where Whirlwind stands in for Tornado.
"""

import importlib
from types import ModuleType
from typing import Any, Final

_HOMES: Final = {
    "concurrent": "Future future_add_done_callback future_set_result_unless_cancelled chain_future "
    "future_set_exception_unless_cancelled future_set_exc_info",
    "escape": "native_str to_unicode url_escape url_unescape utf8 parse_qs_bytes",
    "gen": "is_coroutine_function",
    "http1connection": "HTTP1Connection HTTP1ConnectionParameters HTTP1ServerConnection",
    "httpclient": "AsyncHTTPClient HTTPResponse",
    "httpserver": "HTTPServer",
    "httputil": "url_concat",
    "ioloop": "IOLoop",
    "iostream": "IOStream StreamClosedError",
    "log": "access_log app_log gen_log",
    "netutil": "Resolver is_valid_ip ssl_wrap_socket",
    "platform.asyncio": "AsyncIOMainLoop",
    "process": "Subprocess",
    "queues": "Queue",
    "routing": "AnyMatches DefaultHostMatches HostMatches ReversibleRouter ReversibleRuleRouter "
    "Rule",
    "tcpclient": "TCPClient",
    "util": "Configurable GzipDecompressor ObjectDict basestring_type errno_from_exception exec_in "
    "import_object raise_exc_info re_unescape unicode_type",
    "web": "Application RequestHandler",
}
_HOME_OF: Final = {name: home for home, names in _HOMES.items() for name in names.split()}

#: What each module of Tornado 6.6.1 shows beyond what it defines.
_SHOWN: Final = {
    "auth": "RequestHandler escape httpclient unicode_type url_concat",
    "autoreload": "gen_log ioloop process",
    "concurrent": "",
    "escape": "unicode_type",
    "gen": "future_add_done_callback",
    "http1connection": "Future GzipDecompressor app_log gen gen_log httputil iostream native_str "
    "utf8 future_add_done_callback future_set_result_unless_cancelled",
    "httpclient": "Configurable Future IOLoop gen httputil native_str utf8 "
    "future_set_exception_unless_cancelled future_set_result_unless_cancelled",
    "httpserver": "HTTP1ConnectionParameters HTTP1ServerConnection httputil iostream native_str "
    "netutil",
    "httputil": "ObjectDict native_str parse_qs_bytes to_unicode unicode_type utf8",
    "ioloop": "chain_future future_set_exc_info",
    "iostream": "Future errno_from_exception future_set_result_unless_cancelled gen_log ioloop "
    "ssl_wrap_socket",
    "locale": "escape",
    "locks": "gen ioloop",
    "log": "basestring_type unicode_type",
    "netutil": "errno_from_exception",
    "options": "basestring_type exec_in native_str",
    "platform.asyncio": "",
    "platform.caresresolver": "gen",
    "process": "ioloop",
    "queues": "future_set_result_unless_cancelled ioloop",
    "routing": "app_log basestring_type httputil import_object re_unescape unicode_type url_escape "
    "url_unescape utf8",
    "simple_httpclient": "Future HTTP1Connection HTTP1ConnectionParameters IOLoop IOStream "
    "StreamClosedError gen gen_log httputil is_valid_ip",
    "tcpclient": "Future IOLoop future_add_done_callback gen",
    "tcpserver": "errno_from_exception gen",
    "template": "ObjectDict app_log escape exec_in unicode_type",
    "testing": "Application AsyncHTTPClient AsyncIOMainLoop HTTPResponse HTTPServer IOLoop "
    "Subprocess app_log basestring_type gen netutil raise_exc_info",
    "util": "",
    "web": "AnyMatches DefaultHostMatches Future HTTPServer HostMatches ObjectDict "
    "ReversibleRouter ReversibleRuleRouter Rule access_log app_log escape "
    "future_set_result_unless_cancelled gen gen_log httputil iostream locale template "
    "unicode_type utf8",
    "websocket": "Future IOLoop IOStream Queue Resolver StreamClosedError TCPClient app_log "
    "future_add_done_callback future_set_result_unless_cancelled gen gen_log httpclient httputil "
    "native_str simple_httpclient to_unicode utf8",
    "wsgi": "escape httputil",
}


def show_neighbours(module: ModuleType) -> None:
    """Let a module of ours find, under Tornado's names, what Tornado's shows.

    :arg module: one that has been loaded; others than Tornado's are left alone.
    """
    package, _, last = module.__name__.partition(".")
    if last not in _SHOWN:
        return
    shown = frozenset(_SHOWN[last].split())
    its_own: Any = vars(module).get("__getattr__")

    def look_up(name: str) -> Any:
        if name in shown:
            home = _HOME_OF.get(name)
            if home is None:
                return importlib.import_module(f"{package}.{name}")
            return getattr(importlib.import_module(f"{package}.{home}"), name)
        try:
            if its_own is not None:
                return its_own(name)
        except AttributeError:
            pass
        from whirlwind.as_tornado.borrowed import borrowed

        return borrowed(package, last, name)

    vars(module)["__getattr__"] = look_up
