"""A room: who says something says it to all; argv: port, package, loop, "deflate" or "plain"."""

import asyncio
import importlib
import sys

port, package, loop, form = int(sys.argv[1]), *sys.argv[2:5]
web = importlib.import_module(package + ".web")
websocket = importlib.import_module(package + ".websocket")
members = set()

if package == "whirlwind":
    from whirlwind.fanout import broadcast
else:

    def broadcast(connections, message):
        for one in tuple(connections):
            one.write_message(message)


class Member(websocket.WebSocketHandler):
    def get_compression_options(self):
        return {} if form == "deflate" else None

    def open(self):
        members.add(self)

    def on_message(self, message):
        broadcast(members, message)

    def on_close(self):
        members.discard(self)


async def main():
    app = web.Application([("/", Member)], log_function=lambda handler: None)
    app.listen(port, "127.0.0.1", backlog=4096)
    await asyncio.Event().wait()


if loop == "uvloop":
    import uvloop

    uvloop.run(main())
else:
    asyncio.run(main())
