"""Listening sockets, name resolution and TLS settings."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import errno
import functools
import os
import socket
import ssl
import stat
import warnings
import weakref
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any, cast

from whirlwind._connector import display, plain_error
from whirlwind.concurrent import Future, dummy_executor, run_on_executor
from whirlwind.ioloop import IOLoop
from whirlwind.log import app_log
from whirlwind.protocol.limits import ACCEPT_RETRY_DELAY, ACCEPTS_PER_EVENT, LISTEN_BACKLOG
from whirlwind.util import Configurable

__all__ = [
    "BlockingResolver",
    "DefaultExecutorResolver",
    "DefaultLoopResolver",
    "ExecutorResolver",
    "OverrideResolver",
    "Resolver",
    "ThreadedResolver",
    "add_accept_handler",
    "bind_sockets",
    "bind_unix_socket",
    "is_valid_ip",
    "ssl_options_to_context",
    "ssl_wrap_socket",
]

_Resolved = list[tuple[int, Any]]


@functools.cache
def _client_ssl_defaults() -> ssl.SSLContext:
    """The context of clients that ask for TLS without options: system roots, names checked."""
    return ssl.create_default_context(ssl.Purpose.SERVER_AUTH)


#: What was asked for: a listening socket does not tell.
_backlogs: weakref.WeakKeyDictionary[socket.socket, int] = weakref.WeakKeyDictionary()


def backlog_of(sock: socket.socket) -> int:
    """The backlog with which a socket was made here; for others, as much as the system allows.

    asyncio's servers listen once more when they start, which replaces the socket's own.
    """
    return _backlogs.get(sock, socket.SOMAXCONN)


@functools.cache
def _server_ssl_defaults() -> ssl.SSLContext:
    return ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)


def bind_sockets(
    port: int,
    address: str | None = None,
    family: socket.AddressFamily = socket.AF_UNSPEC,
    backlog: int = LISTEN_BACKLOG,
    flags: int | None = None,
    reuse_port: bool = False,
) -> list[socket.socket]:
    """Make listening sockets for a port, one for each address the name stands for.

    :arg port: TCP port; 0 lets the system choose one, the same for every address.
    :arg address: IP address or host name; empty or None means every interface.
    :arg family: ``AF_INET`` or ``AF_INET6`` to use only that one.
    :arg backlog: connections the kernel queues before they are accepted.
    :arg flags: ``AI_*`` flags for ``getaddrinfo`` instead of ``AI_PASSIVE``.
    :arg reuse_port: set ``SO_REUSEPORT``, so that several processes share the port.
    :returns: non-blocking listening sockets.
    :raises ValueError: ``reuse_port`` on a platform without it.
    :raises OSError: the address cannot be resolved or bound.
    """
    if reuse_port and not hasattr(socket, "SO_REUSEPORT"):
        raise ValueError("the platform doesn't support SO_REUSEPORT")
    if not socket.has_ipv6 and family == socket.AF_UNSPEC:
        family = socket.AF_INET
    if flags is None:
        flags = socket.AI_PASSIVE
    if isinstance(port, int) and not 0 <= port <= 65535:  # which getaddrinfo cuts to 16 bits
        raise ValueError(f"port must be 0 to 65535, not {port}")
    with naming_host(address):
        found = socket.getaddrinfo(address or None, port, family, socket.SOCK_STREAM, 0, flags)
    # A name with several entries in the hosts file yields duplicates; sorted, IPv4 binds first.
    targets = sorted({(entry[0], entry[1], entry[2], entry[4]) for entry in found}, key=repr)
    targets.sort(key=lambda target: target[0])
    sockets: list[socket.socket] = []
    chosen_port = 0
    skipped: OSError | None = None
    try:
        for af, kind, proto, sockaddr in targets:
            if chosen_port:
                sockaddr = (sockaddr[0], chosen_port, *sockaddr[2:])
            try:
                sock = _listening_socket(af, kind, proto, sockaddr, reuse_port, backlog)
            except OSError as error:
                # The resolver names families this kernel does not speak, or ::1 on a machine
                # whose loopback has no IPv6: the other addresses still serve.
                if error.errno not in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL):
                    raise
                if error.errno == errno.EADDRNOTAVAIL and len(targets) == 1:
                    raise
                skipped = error
                continue
            sockets.append(sock)
            if port == 0 and not chosen_port:
                chosen_port = sock.getsockname()[1]
    except BaseException:
        for sock in sockets:
            sock.close()
        raise
    if not sockets:
        raise skipped or OSError(errno.EADDRNOTAVAIL, f"no address to bind for {address!r}")
    return sockets


def _listening_socket(
    family: int, kind: int, proto: int, sockaddr: Any, reuse_port: bool, backlog: int
) -> socket.socket:
    sock = socket.socket(family, kind, proto)
    try:
        if os.name != "nt":
            # On Windows the option means something else: stealing a port in use.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if reuse_port:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6 and hasattr(socket, "IPPROTO_IPV6"):
            # IPv4 gets a socket of its own, so that peers show up with IPv4 addresses.
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.setblocking(False)
        sock.bind(sockaddr)
        sock.listen(backlog)
        _backlogs[sock] = backlog
    except OSError as error:
        sock.close()
        raise plain_error(error, display(family, sockaddr)) from None
    except BaseException:
        sock.close()
        raise
    return sock


if hasattr(socket, "AF_UNIX"):

    def bind_unix_socket(
        file: str, mode: int = 0o600, backlog: int = LISTEN_BACKLOG
    ) -> socket.socket:
        """Make a listening Unix socket.

        A socket file left behind by an earlier process is replaced; any other file is an error.

        :arg file: path of the socket, or a name starting with NUL in Linux's abstract namespace.
        :arg mode: permissions of the socket file; not used in the abstract namespace.
        :arg backlog: connections the kernel queues before they are accepted.
        :raises ValueError: the path exists and is not a socket.
        :raises OSError: the socket cannot be bound.
        """
        abstract = file.startswith("\0")
        if not abstract:
            try:
                found = os.stat(file)
            except FileNotFoundError:
                pass
            else:
                if not stat.S_ISSOCK(found.st_mode):
                    raise ValueError(f"File {file} exists and is not a socket")
                os.remove(file)
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            sock.setblocking(False)
            sock.bind(file)
            if not abstract:
                os.chmod(file, mode)
            sock.listen(backlog)
            _backlogs[sock] = backlog
        except OSError as error:
            sock.close()
            raise plain_error(error, repr(file)) from None
        except BaseException:
            sock.close()
            raise
        return sock


def add_accept_handler(
    sock: socket.socket, callback: Callable[[socket.socket, Any], None]
) -> Callable[[], None]:
    """Accept connections on ``sock`` on the current loop.

    :arg sock: a listening, non-blocking socket; it stays the caller's to close.
    :arg callback: called with each connected socket and its peer's address.
    :returns: a function that stops accepting. Calling it again does nothing.
    """
    io_loop = IOLoop.current()
    # The number outlives the socket: it is what the loop knows if the owner closes too early.
    number = sock.fileno()
    stopped = False
    retry: object = None

    def accept(fd: socket.socket, events: int) -> None:
        nonlocal retry
        for _ in range(ACCEPTS_PER_EVENT):
            if stopped:
                return
            try:
                connection, address = sock.accept()
            except (BlockingIOError, InterruptedError):
                return
            except ConnectionAbortedError:
                # The peer gave up while it was queued; the next one may be fine.
                continue
            except OSError as error:
                if error.errno not in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM):
                    raise
                # The queue stays readable: without a pause the loop would spin at full CPU
                # and have no time to close what it holds.
                app_log.error("Cannot accept a connection: %s; pausing", error)
                io_loop.remove_handler(number)
                retry = io_loop.call_later(ACCEPT_RETRY_DELAY, resume)
                return
            callback(connection, address)

    def resume() -> None:
        nonlocal retry
        retry = None
        if not stopped:
            io_loop.add_handler(sock, accept, IOLoop.READ)

    def remove_handler() -> None:
        nonlocal stopped, retry
        if stopped:
            return
        stopped = True
        if retry is not None:
            io_loop.remove_timeout(retry)
            retry = None
        io_loop.remove_handler(number)

    io_loop.add_handler(sock, accept, IOLoop.READ)
    return remove_handler


def is_valid_ip(ip: str) -> bool:
    """Tell whether ``ip`` is an IPv4 address in four decimal parts or an IPv6 address.

    An IPv6 address may carry a zone (``fe80::1%eth0``, RFC 4007 section 11).
    """
    if not ip or "\0" in ip:
        return False
    address, percent, zone = ip.partition("%")
    try:
        if ":" in address:
            socket.inet_pton(socket.AF_INET6, address)
            return bool(zone) or not percent
        socket.inet_pton(socket.AF_INET, ip)
    except (OSError, UnicodeError):
        return False
    return True


class Resolver(Configurable):
    """Turns host names into socket addresses.

    ``Resolver()`` makes the configured kind, :class:`DefaultLoopResolver` unless
    ``Resolver.configure`` chose another.
    """

    @classmethod
    def configurable_base(cls) -> type[Resolver]:
        return Resolver

    @classmethod
    def configurable_default(cls) -> type[Resolver]:
        return DefaultLoopResolver

    def resolve(
        self, host: str, port: int, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> Awaitable[_Resolved]:
        """Resolve an address.

        :arg host: name or IP address.
        :arg port: port number, copied into the answer.
        :arg family: ``AF_INET`` or ``AF_INET6`` to get only that one.
        :returns: an awaitable of a list of ``(family, sockaddr)``, ready for ``connect``.
        :raises OSError: the name has no address.
        """
        raise NotImplementedError(f"{type(self).__name__} does not define resolve()")

    def close(self) -> None:
        """Free what the resolver holds. It cannot be used afterwards."""


def _resolve_addr(
    host: str, port: int, family: socket.AddressFamily = socket.AF_UNSPEC
) -> _Resolved:
    found = socket.getaddrinfo(host, port, family, socket.SOCK_STREAM)
    return [(int(entry[0]), entry[4]) for entry in found]


class DefaultExecutorResolver(Resolver):
    """Resolves on the loop's default executor."""

    async def resolve(
        self, host: str, port: int, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> _Resolved:
        return await IOLoop.current().run_in_executor(None, _resolve_addr, host, port, family)


class DefaultLoopResolver(Resolver):
    """Resolves with the event loop's own ``getaddrinfo``."""

    async def resolve(
        self, host: str, port: int, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> _Resolved:
        if is_valid_ip(host):  # nothing to look up: not worth the way through a thread
            found = socket.getaddrinfo(
                host, port, family=family, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST
            )
        else:
            found = await asyncio.get_running_loop().getaddrinfo(
                host, port, family=family, type=socket.SOCK_STREAM
            )
        return [(int(entry[0]), entry[4]) for entry in found]


class ExecutorResolver(Resolver):
    """Resolves on a ``concurrent.futures`` executor.

    :arg executor: where to run; in the calling thread, blocking it, when None.
    :arg close_executor: shut the executor down in :meth:`close`.
    """

    close_executor: bool

    def initialize(
        self,
        executor: concurrent.futures.Executor | None = None,
        close_executor: bool = True,
    ) -> None:
        self.executor: concurrent.futures.Executor | None
        if executor is None:
            self.executor = dummy_executor
            self.close_executor = False
        else:
            self.executor = executor
            self.close_executor = close_executor

    def close(self) -> None:
        if self.close_executor and self.executor is not None:
            self.executor.shutdown()
        self.executor = None

    @run_on_executor
    def _resolve(self, host: str, port: int, family: socket.AddressFamily) -> _Resolved:
        return _resolve_addr(host, port, family)

    def resolve(
        self, host: str, port: int, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> Future[_Resolved]:
        return cast("Future[_Resolved]", self._resolve(host, port, family))


class BlockingResolver(ExecutorResolver):
    """Resolves in the calling thread; the loop stands still meanwhile."""

    def initialize(self) -> None:  # type: ignore[override]
        super().initialize()


class ThreadedResolver(ExecutorResolver):
    """Resolves on a pool of threads shared by every instance.

    :arg num_threads: size of the pool; the first instance decides.
    """

    _threadpool: concurrent.futures.ThreadPoolExecutor | None = None
    _threadpool_pid: int | None = None

    def initialize(self, num_threads: int = 10) -> None:  # type: ignore[override]
        pool = ThreadedResolver._create_threadpool(num_threads)
        super().initialize(executor=pool, close_executor=False)

    @classmethod
    def _create_threadpool(cls, num_threads: int) -> concurrent.futures.ThreadPoolExecutor:
        # Threads do not survive a fork: a child that inherited the pool would wait for ever.
        pid = os.getpid()
        if cls._threadpool is None or cls._threadpool_pid != pid:
            cls._threadpool = concurrent.futures.ThreadPoolExecutor(num_threads)
            cls._threadpool_pid = pid
        return cls._threadpool


class OverrideResolver(Resolver):
    """Answers some names from a table and leaves the rest to another resolver.

    :arg resolver: the resolver behind it.
    :arg mapping: what to replace. A key is ``host``, ``(host, port)`` or
        ``(host, port, family)``, the most specific wins; a value is another host, or a
        ``(host, port)`` pair where the key names a port.
    """

    def initialize(self, resolver: Resolver, mapping: dict[Any, Any]) -> None:
        self.resolver = resolver
        self.mapping = mapping

    def close(self) -> None:
        self.resolver.close()

    def resolve(
        self, host: str, port: int, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> Awaitable[_Resolved]:
        if (host, port, family) in self.mapping:
            host, port = self.mapping[(host, port, family)]
        elif (host, port) in self.mapping:
            host, port = self.mapping[(host, port)]
        elif host in self.mapping:
            host = self.mapping[host]
        return self.resolver.resolve(host, port, family)


_SSL_OPTION_NAMES = frozenset(
    {"ssl_version", "certfile", "keyfile", "cert_reqs", "ca_certs", "ciphers"}
)


@contextlib.contextmanager
def naming_host(host: str | None) -> Iterator[None]:
    """Have the errors of ``getaddrinfo`` say which name they are about."""
    try:
        yield
    except socket.gaierror as error:
        if not host or host in str(error):
            raise
        raise socket.gaierror(error.errno, f"{error.strerror}: {host}") from None


@contextlib.contextmanager
def naming_files(*files: str | None) -> Iterator[None]:
    """Have the errors of ``ssl`` say which files they are about: by itself it does not."""
    try:
        yield
    except ssl.SSLError as error:
        names = " with ".join(str(file) for file in files if file)
        error.strerror = f"{error.strerror} ({names}: not PEM, or key and certificate do not match)"
        raise
    except OSError as error:
        if error.filename is None:
            missing = [file for file in files if file and not os.access(file, os.R_OK)]
            error.filename = missing[0] if missing else files[0]
        raise


def ssl_options_to_context(
    ssl_options: dict[str, Any] | ssl.SSLContext, server_side: bool | None = None
) -> ssl.SSLContext:
    """Turn a dictionary of TLS options into a context; a context is returned as it is.

    A client context verifies the server's certificate and name unless ``cert_reqs`` says
    otherwise. Without ``server_side`` the context serves both sides and verifies nothing by
    itself.

    :arg ssl_options: any of ``certfile``, ``keyfile``, ``ca_certs`` (paths), ``cert_reqs`` (an
        ``ssl.CERT_*``), ``ciphers`` (OpenSSL's notation), ``ssl_version`` (``ssl.PROTOCOL_*``).
    :arg server_side: True for a server, False for a client.
    :raises ValueError: an unknown option.
    :raises OSError: a file cannot be read (``ssl.SSLError`` when it can but is no certificate).
    """
    if isinstance(ssl_options, ssl.SSLContext):
        return ssl_options
    if not isinstance(ssl_options, Mapping):
        raise TypeError(
            f"ssl_options must be an ssl.SSLContext or a dict, not {type(ssl_options).__name__}"
        )
    unknown = set(ssl_options) - _SSL_OPTION_NAMES
    if unknown:
        raise ValueError(
            f"unknown ssl_options: {', '.join(sorted(map(str, unknown)))}; "
            f"known: {', '.join(sorted(_SSL_OPTION_NAMES))}"
        )
    default = {
        True: ssl.PROTOCOL_TLS_SERVER,
        False: ssl.PROTOCOL_TLS_CLIENT,
        None: ssl.PROTOCOL_TLS,
    }[server_side]
    with warnings.catch_warnings():
        # The undirected protocol is deprecated, but it is what "either side" means.
        warnings.simplefilter("ignore", DeprecationWarning)
        context = ssl.SSLContext(ssl_options.get("ssl_version", default))
    if "certfile" in ssl_options:
        with naming_files(ssl_options["certfile"], ssl_options.get("keyfile")):
            context.load_cert_chain(ssl_options["certfile"], ssl_options.get("keyfile"))
    if "cert_reqs" in ssl_options:
        if ssl_options["cert_reqs"] == ssl.CERT_NONE:
            # Names cannot be checked on a certificate that is not: this must go first.
            context.check_hostname = False
        context.verify_mode = ssl_options["cert_reqs"]
    if "ca_certs" in ssl_options:
        with naming_files(ssl_options["ca_certs"]):
            context.load_verify_locations(ssl_options["ca_certs"])
    elif server_side is False and context.verify_mode != ssl.CERT_NONE:
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    if "ciphers" in ssl_options:
        context.set_ciphers(ssl_options["ciphers"])
    # Compression lets an attacker who controls part of the plaintext guess the rest (CRIME).
    context.options |= ssl.OP_NO_COMPRESSION
    return context


def ssl_wrap_socket(
    socket: socket.socket,
    ssl_options: dict[str, Any] | ssl.SSLContext,
    server_hostname: str | None = None,
    server_side: bool | None = None,
    **kwargs: Any,
) -> ssl.SSLSocket:
    """Wrap a connected socket in TLS.

    :arg socket: the socket; the returned one takes its place.
    :arg ssl_options: a context or the dictionary of :func:`ssl_options_to_context`.
    :arg server_hostname: the name a client expects, for SNI and for verification.
    :arg server_side: which side of the handshake this is; a client when None.
    :arg kwargs: further arguments of ``ssl.SSLContext.wrap_socket``.
    """
    context = ssl_options_to_context(ssl_options, server_side=server_side)
    return context.wrap_socket(
        socket,
        server_hostname=server_hostname if ssl.HAS_SNI else None,
        server_side=bool(server_side),
        **kwargs,
    )
