"""Starlette, for an ASGI server: starlette_app:app"""

import os

from starlette.applications import Starlette
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.templating import Jinja2Templates

HERE = os.path.dirname(os.path.abspath(__file__))
ITEMS = [{"name": f"item <{i}>", "price": i * 1.5} for i in range(40)]
templates = Jinja2Templates(directory=HERE)


async def hello(request):
    return PlainTextResponse("Hello, World!")


async def item(request):
    return JSONResponse({"id": request.path_params["id"], "q": request.query_params.get("q", "")})


async def post(request):
    return PlainTextResponse(str(len(await request.body())))


async def page(request):
    values = {"title": "Prices & more", "items": ITEMS}
    return templates.TemplateResponse(request, "page_jinja.html", values)


app = Starlette(
    routes=[
        Route("/", hello),
        Route("/item/{id}", item),
        Route("/post", post, methods=["POST"]),
        Route("/page", page),
        Mount("/static", StaticFiles(directory=os.path.join(HERE, "static"))),
    ]
)
