#!/usr/bin/env python3
"""Memory of idle keep-alive connections: KiB of the server's resident memory for each.

usage: idle.py [-c CONNECTIONS] [NAME ...]     NAME is one of servers.py (default: all)

Every connection makes one request and then stays open.
"""

import argparse
import socket
import time

from compare import is_compiled
from measure import Server, ServerFailed, raise_file_limit, require_linux, running, usage
from servers import catalogue

REQUEST = (
    b"GET / HTTP/1.1\r\nHost: localhost\r\n"
    b"User-Agent: Mozilla/5.0 (X11; Linux x86_64)\r\nAccept: */*\r\n\r\n"
)
WARM_UP = 100


def measure(server: Server, connections: int) -> float:
    """Return the KiB that each of ``connections`` idle connections costs a server.

    :raises ServerFailed: when it does not start or does not keep them.
    """
    kept: list[socket.socket] = []

    def open_more(count: int) -> None:
        for _ in range(count):
            connection = socket.create_connection(("127.0.0.1", port), 5)
            kept.append(connection)
            connection.sendall(REQUEST)
            if not connection.recv(4096):
                raise ServerFailed(f"{server.name}: closed connection {len(kept)}")

    with running(server) as (port, pid):
        try:
            open_more(WARM_UP)
            time.sleep(0.5)  # lets the allocator settle; nothing else to wait for
            before = usage(pid).rss
            open_more(connections)
            time.sleep(1)
            after = usage(pid).rss
        except OSError as error:
            raise ServerFailed(f"{server.name}: connection {len(kept)}: {error}") from None
        finally:
            for connection in kept:
                connection.close()
    return (after - before) / connections


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-c", type=int, default=4000, metavar="CONNECTIONS")
    parser.add_argument("servers", nargs="*", metavar="NAME")
    options = parser.parse_intermixed_args()
    require_linux()
    raise_file_limit()
    known = {
        name: works["plaintext"]
        for name, works in catalogue(is_compiled()).items()
        if "plaintext" in works
    }
    for name in options.servers or known:
        if name not in known:
            parser.error(f"unknown server {name!r}; known: {', '.join(known)}")
        try:
            print(f"  {name:24} {measure(known[name], options.c):6.1f} KiB per idle connection")
        except ServerFailed as failure:
            print(f"  FAILED {failure}")


if __name__ == "__main__":
    main()
