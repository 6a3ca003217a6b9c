"""How much work a call is, counted, not timed: the same on a busy machine and on a fast one.

Two counts: the calls that Python makes (everywhere), and the instructions that the processor
carries out for this thread (where Linux lets a process count its own). The first sees Python, the
second sees loops in C as well: the regular expressions, the compiled modules, copies in slices.
"""

import ctypes
import fcntl
import gc
import os
import platform
import struct
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

#: What a linear algorithm may need for four times the size: four, and room for what is rounded up
#: (the steps in which lists and dicts grow) and for the noise of the processor.
LINEAR = 5.0

# perf_event_open(2): the number of the call, the size of the first version of its structure, "count
# instructions", and the flags "begin disabled", "not in the kernel", "not in the hypervisor".
_CALLS = {"x86_64": 298, "aarch64": 241}
_ATTRIBUTES = struct.pack("IIQQQQQ", 0, 64, 1, 0, 0, 0, 0b1100001) + bytes(16)
_ENABLE, _DISABLE, _RESET = 0x2400, 0x2401, 0x2403


@cache
def _counter() -> int | None:
    """A descriptor that counts this thread's instructions; None where that is not allowed."""
    number = _CALLS.get(platform.machine())
    if sys.platform != "linux" or number is None:
        return None
    call = ctypes.CDLL(None, use_errno=True).syscall
    call.restype = ctypes.c_long
    descriptor = call(number, ctypes.c_char_p(_ATTRIBUTES), 0, -1, -1, 0)
    return descriptor if descriptor >= 0 else None


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Without the garbage collector, which would be counted with all that it ends and calls."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def calls(function: Callable[[], Any]) -> int:
    """Count the calls and returns, of Python and of C functions, while a function runs."""
    count = 0

    def profile(frame: Any, event: str, argument: Any) -> None:
        nonlocal count
        count += 1

    with _undisturbed():
        sys.setprofile(profile)
        try:
            function()
        finally:
            sys.setprofile(None)
    return count


def instructions(function: Callable[[], Any]) -> int | None:
    """Count the instructions while a function runs; None where they can not be counted."""
    counter = _counter()
    if counter is None:
        return None
    with _undisturbed():
        fcntl.ioctl(counter, _RESET, 0)
        fcntl.ioctl(counter, _ENABLE, 0)
        try:
            function()
        finally:
            fcntl.ioctl(counter, _DISABLE, 0)
    return int(struct.unpack("Q", os.read(counter, 8))[0])


def assert_linear(prepare: Callable[[int], Callable[[], Any]], size: int) -> None:
    """Assert that four times the size takes about four times the work.

    :arg prepare: makes, for a size, the function whose work is counted.
    :arg size: int, large enough for the work to be more than what every call costs.
    """
    prepare(8)()  # what is made at the first call only
    for count in (calls, instructions):
        small, large = count(prepare(size)), count(prepare(4 * size))
        if small is not None and large is not None:
            assert large < LINEAR * small, f"{count.__name__}: {small}, then {large}"
