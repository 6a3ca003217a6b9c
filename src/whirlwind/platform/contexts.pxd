# The function of contexts.py without the call of a method: 200 of the 8300 instructions for a
# WebSocket message.

cdef extern from "Python.h":
    int PyContext_Enter(object context) except -1
    int PyContext_Exit(object context) except -1


cdef inline object call_in(object context, object function):
    PyContext_Enter(context)
    try:
        return function()
    finally:
        PyContext_Exit(context)
