"""Cross-site request forgery: a token in a cookie and in the form, which other sites cannot read.

A page of another site can make a browser send a form with our cookies, but it cannot learn what is
in them. So a request that changes something has to repeat the token of its cookie.

Version 2 of the token, ``2|<mask>|<token XOR mask>|<time>`` with a mask of its own for every page,
looks different each time: compressed pages would give a constant one away (BREACH). Version 1 is
the token in hex. Both, and any other text as a token of the client's own making, are understood.
"""

import binascii
import hmac
import os
import re
import time
from typing import Any

from whirlwind.escape import utf8, xhtml_escape
from whirlwind.protocol.masking import mask as _websocket_mask
from whirlwind.web.arguments import ArgumentsMixin
from whirlwind.web.cookies import CookiesMixin
from whirlwind.web.errors import HTTPError
from whirlwind.web.origins import OriginsMixin
from whirlwind.web.users import UsersMixin

#: Bytes of a new token: enough that nobody guesses one.
_TOKEN_SIZE = 16

# The digits of a version, as all versions to come would begin.
_VERSIONED = re.compile(r"[1-9][0-9]*\|")
_VERSION_2 = re.compile(r"2\|([0-9a-fA-F]{8})\|([0-9a-fA-F]+)\|([0-9]{1,20})")

# Methods that change nothing (RFC 9110 section 9.2.1); TRACE is not among those we serve.
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class XsrfMixin(ArgumentsMixin, CookiesMixin, OriginsMixin, UsersMixin):
    """The methods of ``RequestHandler`` against cross-site requests."""

    __slots__ = ()

    _xsrf_token: bytes
    _raw_xsrf_token: tuple[int | None, bytes, float]

    def _ww_check_cross_site(self) -> None:
        """Refuse requests that other sites may have caused, as far as the settings want it."""
        if self.request.method in _SAFE_METHODS:
            return
        settings = self.application.settings
        if settings.get("xsrf_cookies"):
            self.check_xsrf_cookie()
        if settings.get("cross_origin_protection"):
            self._ww_check_origin()

    @property
    def xsrf_token(self) -> bytes:
        """The token of this user, for forms and scripts of the response.

        The cookie is set when this is first read, unless the client has one: a page without a form
        sets none. With the setting ``xsrf_cookies`` all methods but GET, HEAD and OPTIONS have to
        send the token back as the argument ``_xsrf`` or in the field ``X-Xsrftoken`` or
        ``X-Csrftoken``. Settings: ``xsrf_cookie_version`` (1 or 2), ``xsrf_cookie_kwargs`` (for
        :meth:`set_cookie`), ``xsrf_cookie_name``.
        """
        try:
            return self._xsrf_token
        except AttributeError:
            pass
        settings = self.application.settings
        cookie_version, raw, timestamp = self._get_raw_xsrf_token()
        version = settings.get("xsrf_cookie_version", 2)
        if version == 1:
            token = binascii.b2a_hex(raw)
        elif version == 2:
            mask = os.urandom(4)
            masked = _websocket_mask(mask, raw)
            token = f"2|{mask.hex()}|{masked.hex()}|{int(timestamp)}".encode("ascii")
        else:
            raise ValueError(f"The setting 'xsrf_cookie_version' is {version!r}; it must be 1 or 2")
        if cookie_version is None:
            # As long as a session: a form that was open over night still works for a user.
            options: dict[str, Any] = {"expires_days": 30 if self.current_user else None}
            options.update(settings.get("xsrf_cookie_kwargs") or {})
            self.set_cookie(_cookie_name(settings), token, **options)
        self._xsrf_token = token  # type: ignore[misc] # the assembled class has a dict
        return token

    def check_xsrf_cookie(self) -> None:
        """Hook: raise an exception unless the request repeats the token of its cookie.

        Override it to exempt a handler. A streamed body has not been read yet: then the token can
        be in the query or in a header field only.

        :raises HTTPError: 403.
        """
        headers = self.request.headers
        given = (
            self.get_argument("_xsrf", None)
            or headers.get("X-Xsrftoken")
            or headers.get("X-Csrftoken")
        )
        if not given:
            raise HTTPError(403, "'_xsrf' argument missing from POST")
        token = self._decode_xsrf_token(given)[1]
        if token is None:
            raise HTTPError(403, "'_xsrf' argument has invalid format")
        # Without a cookie this is a new random token, which nothing matches.
        if not hmac.compare_digest(token, self._get_raw_xsrf_token()[1]):
            raise HTTPError(403, "XSRF cookie does not match POST argument")

    def xsrf_form_html(self) -> str:
        """The token as a hidden field: put it into every form that is sent by POST."""
        return f'<input type="hidden" name="_xsrf" value="{xhtml_escape(self.xsrf_token)}"/>'

    def _get_raw_xsrf_token(self) -> tuple[int | None, bytes, float]:
        """The token of the client's cookie, otherwise a new one.

        :returns: version of the cookie (None for a new token), token, time it was made.
        """
        try:
            return self._raw_xsrf_token
        except AttributeError:
            pass
        version = token = timestamp = None
        cookie = self.get_cookie(_cookie_name(self.application.settings))
        if cookie:
            version, token, timestamp = self._decode_xsrf_token(cookie)
        if token is None or timestamp is None:
            version, token, timestamp = None, os.urandom(_TOKEN_SIZE), time.time()
        raw = (version, token, timestamp)
        self._raw_xsrf_token = raw  # type: ignore[misc] # likewise
        return raw

    def _decode_xsrf_token(self, text: str) -> tuple[int, bytes, float] | tuple[None, None, None]:
        """Take a token out of its cookie or argument.

        :returns: version, token and time; three times None if there is no token in it.
        """
        if _VERSIONED.match(text) is None:
            # Version 1, made by us or by the client's script; its time is not known.
            token = _from_hex(text) or _from_text(text)
            return (1, token, int(time.time())) if token else (None, None, None)
        match = _VERSION_2.fullmatch(text)
        masked = _from_hex(match[2]) if match else None
        if match is None or masked is None:
            return None, None, None
        return 2, _websocket_mask(bytes.fromhex(match[1]), masked), int(match[3])


def _cookie_name(settings: dict[str, Any]) -> str:
    name: str = settings.get("xsrf_cookie_name", "_xsrf")
    return name


def _from_hex(text: str) -> bytes | None:
    try:
        return binascii.a2b_hex(text)
    except ValueError:
        return None


def _from_text(text: str) -> bytes | None:
    try:
        return utf8(text)
    except UnicodeEncodeError:
        return None
