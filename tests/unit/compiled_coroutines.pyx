# cython: language_level=3
"""Coroutines, generators and functions as Cython makes them, for test_gen.py."""

cimport cython


async def native(awaitable):
    return await awaitable + 1


def generator(yieldable):
    value = yield yieldable
    return value + 1


def failing(yieldable):
    yield yieldable
    raise KeyError("compiled")


class Awaitable:
    def __init__(self, value):
        self.value = value

    def __await__(self):
        yield
        return self.value


def called(x, callback=None):
    return callback


@cython.binding(False)
def called_without_signature(x, callback=None):
    return callback
