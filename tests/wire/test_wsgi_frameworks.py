"""Real WSGI frameworks behind the server: what an application does on a usual day."""

import io
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from whirlwind.escape import json_decode
from whirlwind.httpclient import HTTPResponse
from whirlwind.testing import AsyncHTTPTestCase
from whirlwind.wsgi import WSGIContainer

LARGE = bytes(range(256)) * 4096  # 1 MiB
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def upload(name: str, data: bytes) -> tuple[dict[str, str], bytes]:
    """Fields and body of a form with one file."""
    lines = [
        b"--limit",
        b'Content-Disposition: form-data; name="file"; filename="%s"' % name.encode(),
        b"Content-Type: application/octet-stream",
        b"",
        data,
        b"--limit--",
        b"",
    ]
    return {"Content-Type": "multipart/form-data; boundary=limit"}, b"\r\n".join(lines)


class Days:
    """What both frameworks do, here as a mixin: in the loop's thread and in others."""

    threads = 0
    _pool: ThreadPoolExecutor | None = None

    def application(self) -> Any:
        raise NotImplementedError

    def get_app(self) -> WSGIContainer:
        if self.threads:
            self._pool = ThreadPoolExecutor(self.threads)
        return WSGIContainer(self.application(), executor=self._pool)

    def tearDown(self) -> None:
        super().tearDown()  # type: ignore[misc]
        if self._pool is not None:
            self._pool.shutdown()

    def get(self, path: str, **options: Any) -> HTTPResponse:
        response: HTTPResponse = self.fetch(path, **options)  # type: ignore[attr-defined]
        return response

    def test_paths_and_queries(self) -> None:
        response = self.get(f"/hello/{quote('Jürgen/x', safe='')}/?{urlencode({'q': 'ä b'})}")
        assert json_decode(response.body) == ["Jürgen/x", "ä b"]

    def test_a_form(self) -> None:
        body = urlencode({"a": "1 ü", "b": "2"})
        response = self.get("/form/", method="POST", headers=FORM, body=body)
        assert json_decode(response.body) == {"a": "1 ü", "b": "2"}

    def test_an_upload_and_a_large_answer(self) -> None:
        headers, body = upload("large.bin", LARGE)
        response = self.get("/upload/", method="POST", headers=headers, body=body)
        assert response.body == LARGE
        assert response.headers["X-Name"] == "large.bin"

    def test_a_session_in_a_cookie(self) -> None:
        first = self.get("/count/")
        cookie = first.headers["Set-Cookie"].partition(";")[0]
        second = self.get("/count/", headers={"Cookie": cookie})
        assert [first.body, second.body] == [b"1", b"2"]

    def test_a_stream(self) -> None:
        chunks: list[bytes] = []
        response = self.get("/stream/", streaming_callback=chunks.append)
        assert b"".join(chunks) == b"0,1,2,"
        assert "Content-Length" not in response.headers

    def test_a_redirect(self) -> None:
        response = self.get("/old/", follow_redirects=False)
        assert response.code == 302
        assert response.headers["Location"] == "/hello/new/"
        assert json_decode(self.get("/old/").body) == ["new", ""]

    def test_head(self) -> None:
        response = self.get("/hello/x/", method="HEAD")
        assert (response.code, response.body) == (200, b"")
        assert int(response.headers["Content-Length"]) > 0

    def test_nothing_there(self) -> None:
        assert self.get("/nowhere/").code == 404

    def test_an_error(self) -> None:
        assert self.get("/error/").code == 500
        assert self.get("/hello/still/").code == 200

    def test_where_it_runs(self) -> None:
        here = threading.current_thread().name
        assert (self.get("/thread/").body.decode() == here) == (not self.threads)

    def test_addresses(self) -> None:
        told = json_decode(self.get("/address/").body)
        port = self.get_http_port()  # type: ignore[attr-defined]
        assert told == [f"http://127.0.0.1:{port}/address/", "127.0.0.1"]


def flask_application() -> Any:
    flask = pytest.importorskip("flask", reason="needs the package flask")
    app = flask.Flask("days")
    app.secret_key = "not secret"
    logging.getLogger("days").setLevel(logging.CRITICAL)  # its own report of the error
    request = flask.request

    @app.get("/hello/<path:name>/")
    def hello(name: str) -> Any:
        return flask.jsonify([name, request.args.get("q", "")])

    @app.post("/form/")
    def form() -> Any:
        return flask.jsonify(request.form.to_dict())

    @app.post("/upload/")
    def uploaded() -> Any:
        file = request.files["file"]
        response = flask.send_file(io.BytesIO(file.read()), "application/octet-stream")
        response.headers["X-Name"] = file.filename
        return response

    @app.get("/count/")
    def count() -> str:
        flask.session["n"] = flask.session.get("n", 0) + 1
        return str(flask.session["n"])

    @app.get("/stream/")
    def stream() -> Any:
        return (f"{n}," for n in range(3))

    @app.get("/old/")
    def old() -> Any:
        return flask.redirect("/hello/new/")

    @app.get("/error/")
    def error() -> str:
        raise ValueError("in the application")

    @app.get("/thread/")
    def thread() -> str:
        return threading.current_thread().name

    @app.get("/address/")
    def address() -> Any:
        return flask.jsonify([request.url, request.remote_addr])

    return app


def django_application() -> Any:
    django = pytest.importorskip("django", reason="needs the package django")
    from django.conf import settings
    from django.core.wsgi import get_wsgi_application
    from django.http import FileResponse, HttpResponse, JsonResponse, StreamingHttpResponse
    from django.shortcuts import redirect
    from django.urls import path

    def hello(request: Any, name: str) -> Any:
        return JsonResponse([name, request.GET.get("q", "")], safe=False)

    def form(request: Any) -> Any:
        return JsonResponse(request.POST.dict())

    def uploaded(request: Any) -> Any:
        file = request.FILES["file"]
        response = FileResponse(io.BytesIO(file.read()))
        response["X-Name"] = file.name
        return response

    def count(request: Any) -> Any:
        request.session["n"] = request.session.get("n", 0) + 1
        return HttpResponse(request.session["n"])

    def stream(request: Any) -> Any:
        return StreamingHttpResponse(f"{n}," for n in range(3))

    def error(request: Any) -> Any:
        raise ValueError("in the application")

    def thread(request: Any) -> Any:
        return HttpResponse(threading.current_thread().name)

    def address(request: Any) -> Any:
        told = [request.build_absolute_uri(), request.META["REMOTE_ADDR"]]
        return JsonResponse(told, safe=False)

    urls = type("Urls", (), {})
    urls.urlpatterns = [  # type: ignore[attr-defined]
        path("hello/<path:name>/", hello),
        path("form/", form),
        path("upload/", uploaded),
        path("count/", count),
        path("stream/", stream),
        path("old/", lambda request: redirect("/hello/new/")),
        path("error/", error),
        path("thread/", thread),
        path("address/", address),
    ]
    if not settings.configured:
        settings.configure(
            SECRET_KEY="not secret",
            ALLOWED_HOSTS=["127.0.0.1"],
            ROOT_URLCONF=urls,
            MIDDLEWARE=[
                "django.middleware.common.CommonMiddleware",
                "django.contrib.sessions.middleware.SessionMiddleware",
            ],
            SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies",
            LOGGING_CONFIG=None,
        )
        logging.getLogger("django.request").setLevel(logging.CRITICAL)
    assert django.VERSION
    return get_wsgi_application()


class TestFlask(Days, AsyncHTTPTestCase):
    def application(self) -> Any:
        return flask_application()


class TestFlaskInThreads(TestFlask):
    threads = 2


class TestDjango(Days, AsyncHTTPTestCase):
    def application(self) -> Any:
        return django_application()


class TestDjangoInThreads(TestDjango):
    threads = 2
