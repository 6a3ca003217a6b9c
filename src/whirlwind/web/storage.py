"""The compiled base of `Application`: what is looked at for each request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import whirlwind.web.hooks as hooks
from whirlwind._public import start_values

if TYPE_CHECKING:
    from collections.abc import Callable

    from whirlwind.httputil import HTTPServerRequest
    from whirlwind.web.application import ApplicationRouter


class ApplicationStorage:
    """Fields; `Application` documents them."""

    settings: dict[str, Any]
    transforms: list[Callable[[HTTPServerRequest], Any]]
    default_router: ApplicationRouter
    #: Whether requests have to take the general path, method by method.
    _ww_goes_general: bool
    #: Whether `log_request` was replaced on this very instance.
    _ww_logs_itself: bool
    #: Whether something has to be reset before every request (``debug``).
    _ww_forgets: bool


start_values(
    ApplicationStorage,
    _ww_goes_general=False,
    _ww_logs_itself=False,
    _ww_forgets=False,
)

# Bits for a class of applications: `log_request` is the original one, and so is `settings`, the
# field above. What was found out last, and the state of the class that it was found out about.
_LOG: Final = 1
_SETTINGS: Final = 2
_last_version = 0
_last_bits = 0
_original_log: Any = None
_original_settings: Any = None
_log_request: Any = None


def note_application(cls: type[ApplicationStorage], log_request: Any) -> None:
    """Take what a class of applications has, before anybody can change it, as the original.

    :arg log_request: the function that its method of that name calls.
    """
    global _original_log, _original_settings, _log_request
    _original_log = getattr(cls, "log_request", None)
    _original_settings = getattr(cls, "settings", None)  # instances' own in the plain form
    _log_request = log_request


def _original(cls: Any) -> int:
    """The bits of a class, 0 where they are not known."""
    global _last_version, _last_bits
    version = hooks.type_version(cls)
    if version == 0:
        return 0
    if version != _last_version:
        bits = 0
        if issubclass(cls, ApplicationStorage):
            if getattr(cls, "log_request", None) is _original_log:
                bits |= _LOG
            if cls.settings is _original_settings:
                bits |= _SETTINGS
        _last_bits = bits
        _last_version = version
    return _last_bits


def settings_of(application: Any) -> Any:
    """The settings of an application, or of what stands in for one."""
    if _original(type(application)) & _SETTINGS:
        storage: ApplicationStorage = application
        return storage.settings
    return application.settings


def have_logged(application: Any, handler: Any) -> None:
    """Call `Application.log_request`.

    :arg handler: a finished one.
    """
    if _original(type(application)) & _LOG:
        storage: ApplicationStorage = application
        if not storage._ww_logs_itself:
            _log_request(storage, handler)
            return
    application.log_request(handler)
