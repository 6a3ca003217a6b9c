"""The web framework: applications, request handlers, and what belongs to them."""

from whirlwind.routing import URLSpec
from whirlwind.web.application import Application
from whirlwind.web.basic import ErrorHandler, FallbackHandler
from whirlwind.web.decorators import addslash, authenticated, removeslash, stream_request_body
from whirlwind.web.errors import Finish, HTTPError, MissingArgumentError
from whirlwind.web.handler import RequestHandler
from whirlwind.web.locations import is_absolute
from whirlwind.web.redirect import RedirectHandler
from whirlwind.web.static import StaticFileHandler
from whirlwind.web.transforms import GZipContentEncoding, OutputTransform

url = URLSpec

__all__ = [
    "Application",
    "ErrorHandler",
    "FallbackHandler",
    "Finish",
    "GZipContentEncoding",
    "HTTPError",
    "MissingArgumentError",
    "OutputTransform",
    "RedirectHandler",
    "RequestHandler",
    "StaticFileHandler",
    "URLSpec",
    "addslash",
    "authenticated",
    "is_absolute",
    "removeslash",
    "stream_request_body",
    "url",
]
