"""FastAPI, for an ASGI server: fastapi_app:app"""

from fastapi import FastAPI, Request
from fastapi.responses import PlainTextResponse
from pydantic import BaseModel


class Item(BaseModel):
    id: str
    q: str


app = FastAPI()


@app.get("/", response_class=PlainTextResponse)
async def hello() -> str:
    return "Hello, World!"


@app.get("/item/{id}")
async def item(id: str, q: str = "") -> Item:
    return Item(id=id, q=q)


@app.post("/post", response_class=PlainTextResponse)
async def post(request: Request) -> str:
    return str(len(await request.body()))
