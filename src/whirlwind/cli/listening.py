"""The listening sockets: bound here, inherited by number, or from systemd."""

import os
import socket
import stat
import sys
from collections.abc import MutableMapping
from typing import Final

from whirlwind.cli.errors import CommandError
from whirlwind.cli.settings import Settings
from whirlwind.netutil import bind_sockets

#: The first descriptor that systemd passes (sd_listen_fds(3)).
_FIRST_PASSED: Final = 3


class Listening:
    """Listening sockets, and what to do about them at the end.

    :arg shares: the sockets of each worker; one list when all accept on the same.
    :arg path: the file of a Unix socket that was made here.
    """

    def __init__(self, shares: list[list[socket.socket]], path: str | None = None) -> None:
        self._shares = shares
        self._path = path
        self._inode = None if path is None else os.stat(path).st_ino

    def of_worker(self, number: int) -> list[socket.socket]:
        """The sockets on which a worker accepts; 0 is also the process that serves alone."""
        return self._shares[number % len(self._shares)]

    def urls(self, scheme: str) -> list[str]:
        """Where the sockets listen, in words."""
        places = []
        for sock in self._shares[0]:
            name = sock.getsockname()
            if isinstance(name, tuple):
                host = f"[{name[0]}]" if ":" in name[0] else name[0]
                places.append(f"{scheme}://{host}:{name[1]}")
            else:
                text = name.decode() if isinstance(name, bytes) else name
                places.append(f"{scheme}+unix:{text}")
        return places

    def close(self) -> None:
        """Close the sockets, and remove the file of one that was made here."""
        for share in self._shares:
            for sock in share:
                sock.close()
        if self._path is not None:
            try:
                # Unless another server has taken the path over in the meantime.
                if os.stat(self._path).st_ino == self._inode:
                    os.unlink(self._path)
            except FileNotFoundError:
                pass


def open_sockets(
    settings: Settings, environ: MutableMapping[str, str], workers: int = 1
) -> Listening:
    """Open what the settings name; sockets from systemd go before any of them.

    :arg workers: how many processes are to accept.
    :arg environ: variables about systemd's sockets are taken out, so that no child believes they
        are meant for it; not with ``reload``, where this process will look again.
    :raises CommandError: there is nothing to listen on.
    """
    passed = _passed_by_systemd(environ)
    if passed:
        return _inherited(passed, "a socket from systemd", settings.reload, environ)
    if settings.fd is not None:
        return _inherited([settings.fd], f"--fd {settings.fd}", settings.reload, environ)
    if settings.uds is not None:
        return _unix_socket(settings.uds, int(settings.uds_mode, 8))
    try:
        return Listening(_bind(settings.host or None, settings.port, workers))
    except OSError as error:
        raise CommandError(f"cannot listen: {error.strerror or error}") from None


def _bind(host: str | None, port: int, workers: int) -> list[list[socket.socket]]:
    """Bind the port, where the system spreads connections over sockets once for each worker.

    On one socket the worker that wakes up first accepts all that wait: of 64 connections that came
    at once, one of two workers got 64. macOS has the option too, and does not spread.
    """
    sockets = bind_sockets(port, host)
    if workers == 1 or sys.platform != "linux":
        return [sockets]
    # Bound without the option first: with it, another server on this port would be no error.
    port = sockets[0].getsockname()[1]
    for sock in sockets:
        sock.close()
    # Should one of them fail, the command ends, and its sockets with it.
    return [bind_sockets(port, host, reuse_port=True) for _ in range(workers)]


def _passed_by_systemd(environ: MutableMapping[str, str]) -> list[int]:
    if environ.get("LISTEN_PID") != str(os.getpid()):
        return []
    count = environ.get("LISTEN_FDS", "")
    if not count.isdecimal() or int(count) == 0:
        raise CommandError(f"LISTEN_FDS: {count!r} is no number of sockets")
    return list(range(_FIRST_PASSED, _FIRST_PASSED + int(count)))


def _inherited(
    numbers: list[int], name: str, keep: bool, environ: MutableMapping[str, str]
) -> Listening:
    sockets = []
    for number in numbers:
        try:
            sock = socket.socket(fileno=number)
            listens = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
        except OSError as error:
            raise CommandError(f"{name} is no socket: {error.strerror}") from None
        if not listens:
            sock.detach()
            raise CommandError(f"{name} does not listen")
        os.set_inheritable(number, keep)
        sock.setblocking(False)
        sockets.append(sock)
    if not keep:
        for variable in ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"):
            environ.pop(variable, None)
    return Listening([sockets])


def _unix_socket(path: str, mode: int) -> Listening:
    try:
        from whirlwind.netutil import bind_unix_socket
    except ImportError:
        raise CommandError("--uds: this system has no Unix sockets") from None
    try:
        if stat.S_ISSOCK(os.stat(path).st_mode) and _is_served(path):
            raise CommandError(f"cannot listen on {path}: another process does")
    except OSError:
        pass  # nothing there, or nothing to be read: binding tells
    try:
        return Listening([[bind_unix_socket(path, mode)]], path)
    except ValueError as error:
        raise CommandError(f"cannot listen: {error}") from None
    except OSError as error:
        raise CommandError(f"cannot listen: {error.strerror or error}") from None


def _is_served(path: str) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        try:
            probe.connect(path)
        except BlockingIOError:
            return True  # its queue is full
        except OSError:
            return False
    return True
