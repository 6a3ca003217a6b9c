"""A handler, and a count of each worker's answers where others see it: workers_app:app

COUNTS names a file that has eight bytes for each worker.
"""

import mmap
import os

from whirlwind import web
from whirlwind.process import task_id

with open(os.environ["COUNTS"], "r+b") as file:
    counts = memoryview(mmap.mmap(file.fileno(), 0)).cast("Q")
number = task_id() or 0


class Hello(web.RequestHandler):
    def get(self):
        counts[number] += 1
        self.write("Hello, World!")


app = web.Application([("/", Hello)])
