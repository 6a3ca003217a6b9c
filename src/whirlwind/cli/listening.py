"""The listening sockets: bound here, inherited by number, or from systemd."""

import os
import socket
import stat
from collections.abc import MutableMapping
from typing import Final

from whirlwind.cli.errors import CommandError
from whirlwind.cli.settings import Settings
from whirlwind.netutil import bind_sockets

#: The first descriptor that systemd passes (sd_listen_fds(3)).
_FIRST_PASSED: Final = 3


class Listening:
    """Listening sockets, and what to do about them at the end.

    :ivar sockets: the sockets.
    """

    def __init__(self, sockets: list[socket.socket], path: str | None = None) -> None:
        self.sockets = sockets
        self._path = path
        self._inode = None if path is None else os.stat(path).st_ino

    def urls(self, scheme: str) -> list[str]:
        """Where the sockets listen, in words."""
        places = []
        for sock in self.sockets:
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
        for sock in self.sockets:
            sock.close()
        if self._path is not None:
            try:
                # Unless another server has taken the path over in the meantime.
                if os.stat(self._path).st_ino == self._inode:
                    os.unlink(self._path)
            except FileNotFoundError:
                pass


def open_sockets(settings: Settings, environ: MutableMapping[str, str]) -> Listening:
    """Open what the settings name; sockets from systemd go before any of them.

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
        return Listening(bind_sockets(settings.port, settings.host or None))
    except OSError as error:
        where = f"{settings.host} port {settings.port}"
        raise CommandError(f"cannot listen on {where}: {error.strerror or error}") from None


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
    return Listening(sockets)


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
        return Listening([bind_unix_socket(path, mode)], path)
    except ValueError as error:
        raise CommandError(f"cannot listen on {path}: {error}") from None
    except OSError as error:
        raise CommandError(f"cannot listen on {path}: {error.strerror or error}") from None


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
