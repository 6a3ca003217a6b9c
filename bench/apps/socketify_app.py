"""usage: socketify_app.py PORT"""

import sys

from socketify import App


def hello(response, request):
    response.write_header("Content-Type", "text/plain")
    response.end("Hello, World!")


app = App()
app.get("/", hello)
app.listen(int(sys.argv[1]), lambda config: None)
app.run()
