"""Uploads to disk, and downloads, on Whirlwind; argv: port, loop, folder."""

import asyncio
import logging
import os
import sys

from whirlwind import multipart, web

port, loop, folder = int(sys.argv[1]), sys.argv[2], sys.argv[3]
logging.disable(logging.WARNING)


class Hello(web.RequestHandler):
    def get(self):
        self.write("Hello, World!")


@web.stream_request_body
class Upload(web.RequestHandler):
    def prepare(self):
        self.request.connection.set_max_body_size(1 << 40)
        self.form = multipart.receive(self, self.take)

    def data_received(self, chunk):
        return self.form.feed(chunk)

    async def take(self, parts):
        size = 0
        async for part in parts:
            path = os.path.join(folder, "upload")
            size += await part.save(path)
            await asyncio.to_thread(os.unlink, path)  # half a gigabyte takes its time
        return size

    async def post(self):
        self.write(str(await self.form))


async def main():
    web.Application(
        [("/", Hello), ("/upload", Upload)], static_path=folder, log_function=lambda handler: None
    ).listen(port, "127.0.0.1")
    await asyncio.Event().wait()


if loop == "uvloop":
    import uvloop

    uvloop.run(main())
else:
    asyncio.run(main())
