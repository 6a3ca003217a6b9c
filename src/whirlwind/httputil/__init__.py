"""HTTP in general: header fields, requests, forms, URLs, and the interfaces of connections.

What client and server share. The names are Tornado's; new ones would have a module of their own.
"""

from typing import TYPE_CHECKING, Any

from whirlwind._public import claim
from whirlwind.httputil import forms as _forms
from whirlwind.httputil.cookies import parse_cookie
from whirlwind.httputil.delegates import (
    HTTPConnection,
    HTTPMessageDelegate,
    HTTPServerConnectionDelegate,
)
from whirlwind.httputil.forms import (
    HTTPFile,
    ParseBodyConfig,
    ParseMultipartConfig,
    ParseUrlEncodedConfig,
    parse_body_arguments,
    parse_multipart_form_data,
    qs_to_qsl,
    set_parse_body_config,
)
from whirlwind.httputil.headers import HTTPHeaders
from whirlwind.httputil.parameters import HTTP_WHITESPACE
from whirlwind.httputil.parameters import _encode_header as _encode_header
from whirlwind.httputil.parameters import _parse_header as _parse_header
from whirlwind.httputil.ranges import _get_content_range as _get_content_range
from whirlwind.httputil.ranges import _parse_request_range as _parse_request_range
from whirlwind.httputil.request import HTTPServerRequest
from whirlwind.httputil.start_line import (
    RequestStartLine,
    ResponseStartLine,
    parse_request_start_line,
    parse_response_start_line,
)
from whirlwind.httputil.urls import (
    encode_username_password,
    format_timestamp,
    split_host_and_port,
    url_concat,
)
from whirlwind.protocol.errors import HTTPInputError, HTTPOutputError

if TYPE_CHECKING:
    import unittest  # 10 ms of start-up for one annotation
    from http.client import responses

__all__ = [
    "HTTP_WHITESPACE",
    "HTTPConnection",
    "HTTPFile",
    "HTTPHeaders",
    "HTTPInputError",
    "HTTPMessageDelegate",
    "HTTPOutputError",
    "HTTPServerConnectionDelegate",
    "HTTPServerRequest",
    "ParseBodyConfig",
    "ParseMultipartConfig",
    "ParseUrlEncodedConfig",
    "RequestStartLine",
    "ResponseStartLine",
    "doctests",
    "encode_username_password",
    "format_timestamp",
    "parse_body_arguments",
    "parse_cookie",
    "parse_multipart_form_data",
    "parse_request_start_line",
    "parse_response_start_line",
    "qs_to_qsl",
    "responses",
    "set_parse_body_config",
    "split_host_and_port",
    "url_concat",
]

claim("whirlwind.httputil", HTTPInputError, HTTPOutputError)


def __getattr__(name: str) -> Any:
    # The table is another module's, see reason_phrase().
    if name == "responses":
        from http.client import responses

        return responses
    # What set_parse_body_config() replaces must be looked up when it is wanted.
    if name == "_DEFAULT_PARSE_BODY_CONFIG":
        return _forms._DEFAULT_PARSE_BODY_CONFIG
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def doctests() -> "unittest.TestSuite":
    """Return the examples in this package's docstrings as tests."""
    import doctest
    import unittest

    # Public objects are found under this package, which is what their __module__ says.
    modules = (__name__, f"{__name__}.parameters", f"{__name__}.ranges")
    return unittest.TestSuite(doctest.DocTestSuite(module) for module in modules)
