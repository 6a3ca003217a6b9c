"""Chat rooms that tell what the server holds; argv: port, loop, seconds between pings, of a write.

``/state`` answers with the number of open files, tasks and Python objects by type, once the garbage
is collected, and with every kind of line that was logged.
"""

import asyncio
import collections
import gc
import json
import logging
import os
import re
import sys

from whirlwind import web
from whirlwind.fanout import broadcast
from whirlwind.httpserver import HTTPServer
from whirlwind.websocket import WebSocketHandler

port, loop, interval, write_timeout = int(sys.argv[1]), sys.argv[2], *map(float, sys.argv[3:5])

PIECE = b"\x00" * 65536
rooms = collections.defaultdict(set)
counts = collections.Counter()
lines = collections.Counter()


class Count(logging.Handler):
    """Counts lines, those as one that differ in their numbers only."""

    def emit(self, record):
        kind = f"{record.name}: {re.sub('[0-9.]+', '#', record.getMessage())[:200]}"
        if record.exc_info and record.exc_info[1] is not None:
            kind += f" TRACEBACK {record.exc_info[1]!r}"
        lines[kind] += 1


class Chat(WebSocketHandler):
    def get_compression_options(self):
        return {}

    def open(self, room):
        counts["opened"] += 1
        self.number = room
        self.room = rooms[room]
        self.room.add(self)

    def on_message(self, message):
        if message.startswith("shout"):
            broadcast(self.room, message)
        elif message.startswith("think"):
            return self.think(message)
        elif message == "flood":
            return self.flood()
        else:
            self.write_message(message)

    async def think(self, message):
        await asyncio.sleep(0.05)
        await self.write_message(message)

    async def flood(self):
        for _ in range(320):
            await self.write_message(PIECE, binary=True)

    def on_close(self):
        counts["closed"] += 1
        self.room.discard(self)
        if not self.room:
            rooms.pop(self.number, None)


class State(web.RequestHandler):
    def get(self):
        gc.collect()
        found = collections.Counter(
            f"{kind.__module__}.{kind.__qualname__}" for kind in map(type, gc.get_objects())
        )
        files = len(os.listdir("/proc/self/fd")) - 1  # that of the folder
        self.write(
            json.dumps(
                {
                    "objects": found,
                    "tasks": len(asyncio.all_tasks()),
                    "files": files,
                    "members": sum(map(len, rooms.values())),
                    "counts": counts,
                    "lines": lines,
                }
            )
        )


async def main():
    logging.basicConfig(level=logging.INFO, handlers=[Count()])
    app = web.Application(
        [("/state", State), ("/chat/([0-9]+)", Chat)],
        websocket_ping_interval=interval,
        websocket_ping_timeout=interval,
    )
    server = HTTPServer(app, write_timeout=write_timeout)
    server.listen(port, "127.0.0.1", backlog=4096)
    await asyncio.Event().wait()


if loop == "uvloop":
    import uvloop

    uvloop.run(main())
else:
    asyncio.run(main())
