"""The compiled base of `Application`: what is looked at for each request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

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
    #: Whether something has to be reset before every request (``debug``).
    _ww_forgets: bool
