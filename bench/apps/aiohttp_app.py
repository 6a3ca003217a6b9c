"""usage: aiohttp_app.py PORT"""

import os
import sys

import jinja2
import uvloop
from aiohttp import web

HERE = os.path.dirname(os.path.abspath(__file__))
ITEMS = [{"name": f"item <{i}>", "price": i * 1.5} for i in range(40)]
templates = jinja2.Environment(loader=jinja2.FileSystemLoader(HERE), autoescape=True)


async def hello(request):
    return web.Response(text="Hello, World!")


async def item(request):
    return web.json_response({"id": request.match_info["id"], "q": request.query.get("q", "")})


async def post(request):
    return web.Response(text=str(len(await request.read())))


async def page(request):
    text = templates.get_template("page_jinja.html").render(title="Prices & more", items=ITEMS)
    return web.Response(text=text, content_type="text/html")


app = web.Application(client_max_size=1 << 30)
app.add_routes(
    [
        web.get("/", hello),
        web.get("/item/{id}", item),
        web.post("/post", post),
        web.get("/page", page),
        web.static("/static", os.path.join(HERE, "static")),
    ]
)
web.run_app(
    app,
    host="127.0.0.1",
    port=int(sys.argv[1]),
    access_log=None,
    print=None,
    loop=uvloop.new_event_loop(),
)
