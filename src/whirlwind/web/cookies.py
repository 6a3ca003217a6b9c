"""Reading the cookies of a request and setting those of a response."""

import datetime
import re
import time
import warnings
from typing import TYPE_CHECKING, Any

from whirlwind import httputil
from whirlwind.escape import native_str

if TYPE_CHECKING:
    from http.cookies import Morsel

#: Not allowed in names and values. A blank would be legal inside quotes, but browsers and proxies
#: disagree about it.
_BAD_IN_PAIR = re.compile(r"[\x00-\x20]")
#: Not allowed in attributes: a semicolon would begin another attribute, and blanks and controls
#: are dropped by some browsers and not by others.
_BAD_IN_ATTRIBUTE = re.compile(r"[\x00-\x20;\x7f]")

Expires = float | tuple[int, ...] | time.struct_time | datetime.datetime


class CookiesMixin:
    """The cookie methods of ``RequestHandler``, except for the signed ones."""

    __slots__ = ()

    request: httputil.HTTPServerRequest

    @property
    def cookies(self) -> "dict[str, Morsel[str]]":
        """The cookies that the client sent; the same object as ``self.request.cookies``."""
        return self.request.cookies

    def get_cookie(self, name: str, default: str | None = None) -> str | None:
        """The value of a cookie that the client sent.

        Cookies set in this response do not count.

        :arg name: name of the cookie.
        :arg default: returned when the client has sent none.
        :returns: the value, unquoted.
        """
        cookies = self.request.cookies
        if cookies and name in cookies:
            return cookies[name].value
        return default

    def set_cookie(
        self,
        name: str,
        value: str | bytes,
        domain: str | None = None,
        expires: Expires | None = None,
        path: str = "/",
        expires_days: float | None = None,
        *,
        max_age: int | None = None,
        httponly: bool = False,
        secure: bool = False,
        samesite: str | None = None,
        **kwargs: Any,
    ) -> None:
        """Set a cookie in the response; takes effect at the next flush.

        Setting it once more with the same name replaces the first.

        :arg name: name of the cookie, an RFC 9110 token.
        :arg value: str, or bytes in UTF-8.
        :arg domain: let subdomains of this domain see it too.
        :arg expires: when the browser forgets it: seconds since 1970, UTC time tuple or datetime
            (taken as UTC unless it has a time zone).
        :arg path: send it only for paths below.
        :arg expires_days: days from now until the browser forgets it; ``expires`` has precedence.
        :arg max_age: seconds until the browser forgets it.
        :arg httponly: bool, hide it from scripts.
        :arg secure: bool, send it over TLS only.
        :arg samesite: ``Strict``, ``Lax`` or ``None``.
        :arg kwargs: further attributes, or those above in other spellings (deprecated since
            Tornado 6.3).
        :raises http.cookies.CookieError: a name or attribute is not allowed.
        :raises TypeError: a value, ``domain``, ``path`` or ``samesite`` is no text.
        :raises ValueError: the value has control characters or blanks.
        """
        name = native_str(name)
        value = native_str(value)
        if not isinstance(value, str):
            raise TypeError(f"value of cookie {name!r} is {value!r}; it must be str or bytes")
        # Not at the top: 3 ms of start-up for programs without cookies.
        from http.cookies import CookieError, Morsel, SimpleCookie

        jar: SimpleCookie | None = getattr(self, "_new_cookie", None)
        if jar is None:
            jar = SimpleCookie()
            self._new_cookie = jar  # type: ignore[misc] # the assembled class has the slot
        given: dict[str, Any] = {}
        if domain:
            given["domain"] = domain
        if expires_days is not None and not expires:
            expires = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=expires_days)
        if path:
            given["path"] = path
        if max_age:
            given["max-age"] = int(max_age)
        if httponly:
            given["httponly"] = True
        if secure:
            given["secure"] = True
        if samesite:
            given["samesite"] = samesite
        for attribute in ("domain", "path", "samesite"):
            if not isinstance(given.get(attribute, ""), str):
                raise TypeError(
                    f"{attribute} of cookie {name!r} is {given[attribute]!r}; it must be str"
                )
        for attribute, text in (("name", name), *given.items(), *kwargs.items()):
            if _BAD_IN_ATTRIBUTE.search(text if isinstance(text, str) else str(text)):
                raise CookieError(
                    f"Invalid cookie attribute {attribute}={text!r} for cookie {name!r}"
                )
        if _BAD_IN_PAIR.search(value):
            raise ValueError(f"cookie {name!r} can not have the value {value!r}; encode it first")
        if expires:
            given["expires"] = httputil.format_timestamp(expires)
        morsel: Morsel[str] = Morsel()
        morsel.set(name, *jar.value_encode(value))
        for attribute, setting in given.items():
            morsel[attribute] = setting
        for attribute, setting in kwargs.items():
            morsel[attribute.lower()] = setting
        if kwargs:
            warnings.warn(
                f"set_cookie: use its named arguments, in lower case, not {sorted(kwargs)}",
                DeprecationWarning,
                stacklevel=2,
            )
        jar.pop(name, None)  # the order on the wire is that of the last assignments
        jar[name] = morsel

    def clear_cookie(self, name: str, **kwargs: Any) -> None:
        """Make the browser forget a cookie.

        ``path`` and ``domain``, and in some browsers the other attributes, must be those with
        which it was set.

        :arg name: name of the cookie.
        :arg kwargs: as for :meth:`set_cookie`, except ``expires`` and ``max_age``.
        """
        for fixed in ("expires", "max_age"):
            if fixed in kwargs:
                raise TypeError(f"clear_cookie() got an unexpected keyword argument {fixed!r}")
        # A year, so that a browser whose clock is wrong forgets it too.
        past = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=365)
        self.set_cookie(name, value="", expires=past, **kwargs)

    def clear_all_cookies(self, **kwargs: Any) -> None:
        """Make the browser forget each cookie that it sent with this request.

        :arg kwargs: as for :meth:`clear_cookie`; they hold for all of them.
        """
        for name in self.request.cookies:
            self.clear_cookie(name, **kwargs)
