"""Test cases with an event loop, a server and a client of their own (Tornado's ``testing``).

They are `unittest` cases, and so run under pytest and every other runner that knows those.
"""

from whirlwind._public import NameLookup, claim, legacy_names
from whirlwind.testing.cases import AsyncTestCase, gen_test, get_async_test_timeout
from whirlwind.testing.http import AsyncHTTPSTestCase, AsyncHTTPTestCase
from whirlwind.testing.logs import ExpectLog
from whirlwind.testing.program import main
from whirlwind.testing.setup import bind_unused_port, setup_with_context_manager

__all__ = [
    "AsyncHTTPSTestCase",
    "AsyncHTTPTestCase",
    "AsyncTestCase",
    "ExpectLog",
    "bind_unused_port",
    "gen_test",
    "get_async_test_timeout",
    "main",
    "setup_with_context_manager",
]

claim(
    "whirlwind.testing",
    AsyncHTTPSTestCase,
    AsyncHTTPTestCase,
    AsyncTestCase,
    ExpectLog,
    bind_unused_port,
    gen_test,
    get_async_test_timeout,
    main,
    setup_with_context_manager,
)

__getattr__: NameLookup = legacy_names(__name__)
