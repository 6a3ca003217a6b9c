"""The least an RSGI application can do, on granian's own interface: rsgi_raw:app"""


class App:
    async def __rsgi__(self, scope, protocol):
        protocol.response_str(200, [("content-type", "text/plain")], "Hello, World!")


app = App()
