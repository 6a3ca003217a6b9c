"""The web framework: applications, request handlers, and what belongs to them."""

from whirlwind._public import NameLookup, legacy_names
from whirlwind.routing import URLSpec
from whirlwind.web.application import Application
from whirlwind.web.basic import ErrorHandler, FallbackHandler
from whirlwind.web.decorators import addslash, authenticated, removeslash, stream_request_body
from whirlwind.web.errors import Finish, HTTPError, MissingArgumentError
from whirlwind.web.handler import RequestHandler
from whirlwind.web.locations import is_absolute
from whirlwind.web.redirect import RedirectHandler
from whirlwind.web.signed_values import (
    DEFAULT_SIGNED_VALUE_MIN_VERSION,
    DEFAULT_SIGNED_VALUE_VERSION,
    MAX_SUPPORTED_SIGNED_VALUE_VERSION,
    MIN_SUPPORTED_SIGNED_VALUE_VERSION,
    create_signed_value,
    decode_signed_value,
    get_signature_key_version,
)

# Not public, but tests written for Tornado sign malformed values with them.
from whirlwind.web.signed_values import signature_v1 as _create_signature_v1  # noqa: F401
from whirlwind.web.signed_values import signature_v2 as _create_signature_v2  # noqa: F401
from whirlwind.web.static import StaticFileHandler
from whirlwind.web.transforms import GZipContentEncoding, OutputTransform
from whirlwind.web.uimodules import TemplateModule, UIModule

url = URLSpec

__all__ = [
    "DEFAULT_SIGNED_VALUE_MIN_VERSION",
    "DEFAULT_SIGNED_VALUE_VERSION",
    "MAX_SUPPORTED_SIGNED_VALUE_VERSION",
    "MIN_SUPPORTED_SIGNED_VALUE_VERSION",
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
    "TemplateModule",
    "UIModule",
    "URLSpec",
    "addslash",
    "authenticated",
    "create_signed_value",
    "decode_signed_value",
    "get_signature_key_version",
    "is_absolute",
    "removeslash",
    "stream_request_body",
    "url",
]

__getattr__: NameLookup = legacy_names(__name__)
