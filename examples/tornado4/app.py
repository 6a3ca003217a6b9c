#!/usr/bin/env python
"""A program as it was written for Tornado 4.3, on Python 2.7 or 3.

Nothing in it knows of Whirlwind. It uses what Tornado 5 and 6 have taken away: callbacks,
``@asynchronous``, ``@gen.engine`` with tasks, stack contexts, ``@return_future``, ``io_loop=``
arguments, Twisted's Deferreds, requests that are answered with raw bytes. Run it unchanged::

    python -m whirlwind.as_tornado --legacy examples/tornado4/app.py --port=8888
"""

from __future__ import absolute_import, division, print_function

import contextlib
import logging
import socket
import sys
import threading

from tornado import gen, httpserver, iostream, netutil, tcpserver, web
from tornado.concurrent import return_future
from tornado.escape import json_encode
from tornado.httpclient import AsyncHTTPClient, HTTPRequest
from tornado.ioloop import IOLoop, PeriodicCallback
from tornado.options import define, options, parse_command_line
from tornado.stack_context import ExceptionStackContext, NullContext, StackContext, wrap

try:
    import tornado.platform.twisted  # noqa: F401 - teaches coroutines to wait for Deferreds
    from twisted.internet.defer import Deferred, inlineCallbacks, returnValue
except ImportError:
    Deferred = None

define("port", default=8888, type=int, help="port of the web server; 0 picks a free one")
define("address", default="127.0.0.1", help="address to listen on")


# --- A line protocol, spoken with callbacks -------------------------------------------------------


class WordServer(tcpserver.TCPServer):
    """Answers each line with the number of its words, then the words, one a line."""

    def handle_stream(self, stream, address):
        WordConnection(stream)


class WordConnection(object):
    def __init__(self, stream):
        self.stream = stream
        self.stream.set_close_callback(self.on_close)
        self.read()

    def read(self):
        self.stream.read_until(b"\n", self.on_line)

    def on_line(self, line):
        words = line.split()
        self.stream.write(b"%d\n" % len(words) + b"".join(word + b"\n" for word in words))
        self.read()

    def on_close(self):
        logging.debug("word connection closed")


class WordClient(object):
    """Asks a word server; the answer goes to a callback."""

    def __init__(self, address, io_loop):
        self.address = address
        self.io_loop = io_loop

    @return_future
    def count(self, text, callback):
        """Call ``callback(words)`` with the list of the words of ``text``."""
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 0)
        stream = iostream.IOStream(sock, io_loop=self.io_loop)
        words = []

        def on_connect():
            stream.write(text.encode("utf-8") + b"\n", on_written)

        def on_written():
            stream.read_until(b"\n", on_count)

        def on_count(line):
            read_word(int(line))

        def read_word(left):
            if left:
                stream.read_until(b"\n", lambda word: on_word(word, left))
            else:
                stream.close()
                callback(words)

        def on_word(word, left):
            words.append(word.rstrip().decode("utf-8"))
            read_word(left - 1)

        stream.connect(self.address, on_connect)


# --- A server without the framework ---------------------------------------------------------------


def answer_raw(request):
    """Answer a request with the bytes that go over the wire."""
    message = b"You asked for " + request.uri.encode("utf-8")
    request.write(
        b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%s"
        % (len(message), message)
    )
    request.finish()


# --- Handlers -------------------------------------------------------------------------------------


class BaseHandler(web.RequestHandler):
    def initialize(self, site):
        self.site = site

    def http_client(self):
        return AsyncHTTPClient(io_loop=self.site.io_loop)


class BackendHandler(BaseHandler):
    """What the other handlers fetch."""

    def get(self, name):
        if name == "broken":
            raise web.HTTPError(503, "the backend is broken")
        self.write({"name": name, "length": len(name)})


class CallbackHandler(BaseHandler):
    """A fetch with a callback, which is also told of errors."""

    @web.asynchronous
    def get(self, name):
        self.http_client().fetch(self.site.backend(name), callback=self.on_fetch)

    def on_fetch(self, response):
        if response.error:
            self.set_status(502)
            self.finish("backend: %d" % response.code)
        else:
            self.finish(response.body)


class EngineHandler(BaseHandler):
    """Tasks, several at once, and callbacks that are waited for."""

    @web.asynchronous
    @gen.engine
    def get(self):
        client = self.http_client()
        one = yield gen.Task(client.fetch, self.site.backend("one"))
        both = yield [
            gen.Task(client.fetch, self.site.backend("three")),
            gen.Task(client.fetch, self.site.backend("seven")),
        ]
        client.fetch(self.site.backend("late"), callback=(yield gen.Callback("late")))
        client.fetch(self.site.backend("later"), callback=(yield gen.Callback("later")))
        late, later = yield gen.WaitAll(["late", "later"])
        yield gen.Task(self.site.io_loop.add_timeout, self.site.io_loop.time() + 0.001)
        responses = [one] + both + [late, later]
        self.finish(json_encode([response.code for response in responses]))


class WordsHandler(BaseHandler):
    """A function with a callback, used as a coroutine."""

    @gen.coroutine
    def get(self):
        text = self.get_argument("text")
        words = yield self.site.words.count(text)
        timely = yield gen.with_timeout(
            self.site.io_loop.time() + 10, self.site.words.count(text), io_loop=self.site.io_loop
        )
        self.write({"words": words, "again": timely == words})


class StreamHandler(BaseHandler):
    """Pieces that are sent one after the other, each when the one before has left."""

    @web.asynchronous
    def get(self):
        self.left = 3
        self.send()

    def send(self):
        if self.left:
            self.write("piece %d\n" % self.left)
            self.left -= 1
            self.flush(callback=self.send)
        else:
            self.finish()


class TracedHandler(BaseHandler):
    """A stack context that follows a request through its callbacks."""

    @web.asynchronous
    def get(self, name):
        with StackContext(lambda: self.site.trace(name)):
            self.site.io_loop.add_callback(self.first)

    def first(self):
        seen = self.site.current_trace
        with NullContext():
            self.site.io_loop.add_callback(self.outside, seen)

    def outside(self, seen):
        self.finish({"inside": seen, "outside": self.site.current_trace})


class GuardedHandler(BaseHandler):
    """Exceptions of callbacks, caught where the callbacks began."""

    @web.asynchronous
    def get(self, what):
        if what == "caught":
            with ExceptionStackContext(self.on_error):
                self.site.io_loop.add_callback(self.fail)
        else:
            self.site.io_loop.add_callback(self.fail)

    def fail(self):
        raise ValueError("a callback failed")

    def on_error(self, typ, value, tb):
        self.finish("caught: %s" % value)
        return True


class ThreadHandler(BaseHandler):
    """A wrapped function that another thread hands back to the loop."""

    @web.asynchronous
    def get(self):
        done = wrap(lambda: self.finish("from a thread"))
        threading.Thread(target=lambda: self.site.io_loop.add_callback(done)).start()


class DeferredHandler(BaseHandler):
    """Twisted's Deferreds in a coroutine, and Twisted's own coroutines."""

    @gen.coroutine
    def get(self):
        if Deferred is None:
            raise web.HTTPError(501, reason="Twisted is not installed")
        first = yield self.later("first")
        second = yield self.inline()
        self.write({"first": first, "second": second})

    def later(self, value):
        deferred = Deferred()
        self.site.io_loop.add_timeout(
            self.site.io_loop.time() + 0.001, lambda: deferred.callback(value)
        )
        return deferred

    if Deferred is not None:

        @inlineCallbacks
        def inline(self):
            value = yield self.later("second")
            returnValue(value.upper())


class MessageBoard(object):
    """Messages, and the callbacks of those who wait for the next."""

    def __init__(self):
        self.messages = []
        self.waiting = set()

    def wait(self, callback, cursor):
        if len(self.messages) > cursor:
            callback(self.messages[cursor:])
        else:
            self.waiting.add(callback)

    def cancel_wait(self, callback):
        self.waiting.discard(callback)

    def post(self, message):
        self.messages.append(message)
        waiting, self.waiting = self.waiting, set()
        for callback in waiting:
            callback([message])


class PostHandler(BaseHandler):
    def post(self):
        self.site.board.post(self.get_argument("message"))
        self.set_status(204)


class UpdatesHandler(BaseHandler):
    """Long polling: answered when there is something new."""

    @web.asynchronous
    def get(self):
        self.site.board.wait(self.on_messages, int(self.get_argument("cursor", "0")))

    def on_messages(self, messages):
        if not self.request.connection.stream.closed():
            self.finish({"messages": messages})

    def on_connection_close(self):
        self.site.board.cancel_wait(self.on_messages)


class StatusHandler(BaseHandler):
    """What runs besides."""

    def get(self):
        self.write({"ticks": self.site.ticks, "waiting": len(self.site.board.waiting)})


# --- Everything together --------------------------------------------------------------------------


class Site(object):
    """What the handlers share."""

    def __init__(self, io_loop):
        self.io_loop = io_loop
        self.board = MessageBoard()
        self.ticks = 0
        self.current_trace = None
        self.url = None
        self.words = None

    def backend(self, name):
        return HTTPRequest("%s/backend/%s" % (self.url, name))

    @contextlib.contextmanager
    def trace(self, name):
        before, self.current_trace = self.current_trace, name
        try:
            yield
        finally:
            self.current_trace = before

    def tick(self):
        self.ticks += 1


def make_app(site):
    return web.Application(
        [
            (pattern, handler, {"site": site})
            for pattern, handler in [
                (r"/backend/(\w+)", BackendHandler),
                (r"/callback/(\w+)", CallbackHandler),
                (r"/engine", EngineHandler),
                (r"/words", WordsHandler),
                (r"/stream", StreamHandler),
                (r"/traced/(\w+)", TracedHandler),
                (r"/guarded/(\w+)", GuardedHandler),
                (r"/thread", ThreadHandler),
                (r"/deferred", DeferredHandler),
                (r"/chat/post", PostHandler),
                (r"/chat/updates", UpdatesHandler),
                (r"/status", StatusHandler),
            ]
        ]
    )


def listen(server, port):
    """Start a server, and return the port."""
    sockets = netutil.bind_sockets(port, options.address, family=socket.AF_INET)
    server.add_sockets(sockets)
    return sockets[0].getsockname()[1]


def main():
    parse_command_line()
    io_loop = IOLoop.instance()
    site = Site(io_loop)
    words = WordServer(io_loop=io_loop)
    site.words = WordClient((options.address, listen(words, 0)), io_loop)
    raw = httpserver.HTTPServer(answer_raw, io_loop=io_loop)
    raw_port = listen(raw, 0)
    server = httpserver.HTTPServer(make_app(site), io_loop=io_loop)
    site.url = "http://%s:%d" % (options.address, listen(server, options.port))
    PeriodicCallback(site.tick, 10, io_loop=io_loop).start()
    print("Serving %s and http://%s:%d" % (site.url, options.address, raw_port))
    sys.stdout.flush()
    io_loop.start()


if __name__ == "__main__":
    main()
