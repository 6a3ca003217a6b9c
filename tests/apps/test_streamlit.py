"""Streamlit: its page, and a session over WebSocket that runs the script again for a widget."""

from collections.abc import Callable
from pathlib import Path

import pytest

from .running import Application, Environment, Site, free_port

PROGRAM = """\
import streamlit as st
import tornado
number = st.number_input("number", value=1)
st.markdown(f"**{tornado.__name__}** {number * 2:g}")
"""

# Runs on Tornado, whose client has nothing of ours; Streamlit's messages are its own.
CLIENT = """\
import asyncio, sys
import tornado.httpclient
import tornado.websocket
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

async def main(address):
    request = tornado.httpclient.HTTPRequest(f"ws://{address}/_stcore/stream")
    socket = await tornado.websocket.websocket_connect(request, subprotocols=["streamlit"])
    print(tornado.__name__, socket.selected_subprotocol)
    number = ""

    async def rerun(asked):
        nonlocal number
        await socket.write_message(asked.SerializeToString(), binary=True)
        while True:
            message = ForwardMsg()
            message.ParseFromString(await socket.read_message())
            kind = message.WhichOneof("type")
            if kind == "delta":
                element = message.delta.new_element
                if element.WhichOneof("type") == "markdown":
                    print(element.markdown.body)
                elif element.WhichOneof("type") == "number_input":
                    number = element.number_input.id
            elif kind == "script_finished":
                return

    first = BackMsg()
    first.rerun_script.query_string = ""
    await rerun(first)
    again = BackMsg()
    state = again.rerun_script.widget_states.widgets.add()
    state.id = number
    state.int_value = 21
    await rerun(again)
    socket.close()

asyncio.run(main(sys.argv[1]))
"""


@pytest.fixture(scope="module")
def environment() -> Environment:
    return Environment("streamlit")


@pytest.fixture
def streamlit(environment: Environment, run: Callable[..., Application], tmp_path: Path) -> Site:
    (tmp_path / "page.py").write_text(PROGRAM)
    port = free_port()
    application = run(
        environment, "-m", "streamlit", "run", "page.py", f"--server.port={port}",
        "--server.address=127.0.0.1", "--server.headless=true",
        "--browser.gatherUsageStats=false", HOME=str(tmp_path),
    )
    application.listens(port)
    return Site(f"http://127.0.0.1:{port}")


def test_pages(streamlit: Site) -> None:
    page = streamlit("/")
    assert page.status == 200
    assert "<title>Streamlit</title>" in page.text
    assert page.headers["Server"].startswith("Whirlwind/")
    assert streamlit("/_stcore/health").text == "ok"
    assert streamlit("/_stcore/host-config").json()["allowedOrigins"]
    assert streamlit("/absent").status == 200  # its pages are made in the browser


def test_a_session(environment: Environment, streamlit: Site) -> None:
    said = environment.run("-c", CLIENT, streamlit.address, alias=False).splitlines()
    assert said == ["tornado streamlit", "**whirlwind** 2", "**whirlwind** 42"]
