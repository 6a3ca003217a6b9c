"""What tests prepare before they begin: a port to listen on, a context to be in."""

import socket
import unittest
from contextlib import AbstractContextManager
from typing import TypeVar

from whirlwind.netutil import bind_sockets

_T = TypeVar("_T")


def bind_unused_port(
    reuse_port: bool = False, address: str = "127.0.0.1"
) -> tuple[socket.socket, int]:
    """Listen on a free port of this machine.

    :arg reuse_port: allow other sockets on the same port (``SO_REUSEPORT``).
    :arg address: address or host name to listen on; IPv4, unless it is an IPv6 address
        (Tornado 6.2).
    :returns: the listening socket, for instance for ``HTTPServer.add_sockets``, and the port.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    (sock,) = bind_sockets(0, address, family=family, reuse_port=reuse_port)
    return sock, sock.getsockname()[1]


def setup_with_context_manager(
    testcase: unittest.TestCase, cm: "AbstractContextManager[_T, bool | None]"
) -> _T:
    """Enter a context manager now, and leave it when the test is over (Tornado 6.2).

    :arg testcase: the test, in its ``setUp`` or later.
    :arg cm: the context manager. It is left after ``tearDown``, and after what was entered later.
    :returns: what entering it gave.
    """
    return testcase.enterContext(cm)
