"""Cookies that the client may keep but not change."""

from typing import TYPE_CHECKING, Any

from whirlwind.web.cookies import CookiesMixin
from whirlwind.web.signed_values import (
    Secret,
    create_signed_value,
    decode_signed_value,
    get_signature_key_version,
)

if TYPE_CHECKING:
    from whirlwind.web.application import Application


class SignedCookiesMixin(CookiesMixin):
    """The signed cookie methods of ``RequestHandler``.

    They need the setting ``cookie_secret``: a long random text, or a dict of such by key version,
    of which the setting ``key_version`` names the one that signs new cookies. A client can read a
    signed cookie and keep a copy; it cannot make one or change it.
    """

    __slots__ = ()

    application: "Application"

    if TYPE_CHECKING:

        def require_setting(self, name: str, feature: str = ...) -> None: ...

    def set_signed_cookie(
        self,
        name: str,
        value: str | bytes,
        expires_days: float | None = 30,
        version: int | None = None,
        **kwargs: Any,
    ) -> None:
        """Set a signed cookie.

        :arg name: name of the cookie.
        :arg value: str or bytes, any bytes.
        :arg expires_days: days until the browser forgets it; None: when it is closed. How long the
            cookie is accepted is said to :meth:`get_signed_cookie`.
        :arg version: of the format, see :func:`create_signed_value`.
        :arg kwargs: for :meth:`set_cookie`.
        """
        signed = self.create_signed_value(name, value, version=version)
        self.set_cookie(name, signed, expires_days=expires_days, **kwargs)

    set_secure_cookie = set_signed_cookie

    def create_signed_value(
        self, name: str, value: str | bytes, version: int | None = None
    ) -> bytes:
        """Sign a value with the application's secret, to be read by :meth:`get_signed_cookie`.

        :arg name: name of the cookie.
        :arg value: str or bytes, any bytes.
        :arg version: of the format, see :func:`create_signed_value`.
        :returns: the text for the cookie.
        :raises ValueError: ``cookie_secret`` is a dict and there is no ``key_version``.
        """
        secret = self._ww_cookie_secret()
        key_version = None
        if isinstance(secret, dict):
            key_version = self.application.settings.get("key_version")
            if key_version is None:
                raise ValueError(
                    "The setting 'key_version' must say which key of 'cookie_secret' signs cookies"
                )
        return create_signed_value(secret, name, value, version=version, key_version=key_version)

    def get_signed_cookie(
        self,
        name: str,
        value: str | bytes | None = None,
        max_age_days: float = 31,
        min_version: int | None = None,
    ) -> bytes | None:
        """The value of a signed cookie.

        :arg name: name of the cookie.
        :arg value: a signed value to read instead of the cookie.
        :arg max_age_days: days after which it is not accepted any more.
        :arg min_version: refuse older formats, see :func:`decode_signed_value`.
        :returns: bytes; None without the cookie, and if it is not authentic or too old.
        """
        secret = self._ww_cookie_secret()
        if value is None:
            value = self.get_cookie(name)
        return decode_signed_value(
            secret, name, value, max_age_days=max_age_days, min_version=min_version
        )

    get_secure_cookie = get_signed_cookie

    def get_signed_cookie_key_version(
        self, name: str, value: str | bytes | None = None
    ) -> int | None:
        """The version of the key that a signed cookie says it was signed with; not verified.

        :arg name: name of the cookie.
        :arg value: a signed value to look at instead of the cookie.
        :returns: the version, None if it states none.
        """
        self._ww_cookie_secret()
        if value is None:
            value = self.get_cookie(name)
        return None if value is None else get_signature_key_version(value)

    get_secure_cookie_key_version = get_signed_cookie_key_version

    def _ww_cookie_secret(self) -> Secret:
        self.require_setting("cookie_secret", "signed cookies")
        secret: Secret = self.application.settings["cookie_secret"]
        return secret
