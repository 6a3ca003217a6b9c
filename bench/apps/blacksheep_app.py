"""BlackSheep, for an ASGI server: blacksheep_app:app"""

from blacksheep import Application, Request, get, json, post, text

app = Application()


@get("/")
async def hello():
    return text("Hello, World!")


@get("/item/{id}")
async def item(id: str, q: str = ""):
    return json({"id": id, "q": q})


@post("/post")
async def upload(request: Request):
    return text(str(len(await request.read())))
