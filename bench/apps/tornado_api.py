"""One program for every package with Tornado's module names.

usage: tornado_api.py PORT PACKAGE asyncio|uvloop [log]     log: the access log on, to /dev/null
"""

import asyncio
import importlib
import logging
import os
import sys

PORT, PACKAGE, LOOP = int(sys.argv[1]), sys.argv[2], sys.argv[3]
LOGGED = sys.argv[4:] == ["log"]
HERE = os.path.dirname(os.path.abspath(__file__))
ITEMS = [{"name": f"item <{i}>", "price": i * 1.5} for i in range(40)]

web = importlib.import_module(PACKAGE + ".web")


class Hello(web.RequestHandler):
    def get(self):
        self.set_header("Content-Type", "text/plain")
        self.write("Hello, World!")


class Item(web.RequestHandler):
    async def get(self, name):
        self.write({"id": name, "q": self.get_query_argument("q", "")})


class Post(web.RequestHandler):
    def post(self):
        self.write(str(len(self.request.body)))


class Page(web.RequestHandler):
    def get(self):
        self.render("page.html", title="Prices & more", items=ITEMS)


async def main():
    settings = {"template_path": HERE, "static_path": os.path.join(HERE, "static")}
    if LOGGED:
        logging.basicConfig(filename=os.devnull, level=logging.INFO)
    else:
        settings["log_function"] = lambda handler: None
        logging.disable(logging.WARNING)
    rules = [(r"/", Hello), (r"/item/(\w+)", Item), (r"/post", Post), (r"/page", Page)]
    web.Application(rules, **settings).listen(PORT, address="127.0.0.1")
    await asyncio.Event().wait()


if LOOP == "uvloop":
    import uvloop

    uvloop.run(main())
else:
    asyncio.run(main())
