import cython

from whirlwind.client.connection cimport ClientConnection
from whirlwind.client.outgoing cimport Outgoing


cdef class Pool:
    cdef public Py_ssize_t max_idle
    cdef public double idle_timeout
    cdef dict _stacks
    cdef dict _all

    @cython.locals(stack=list, connection=ClientConnection)
    cpdef object take(self, tuple key, double now, Outgoing request)
    cdef bint _is_certainly_open(self, ClientConnection connection, double now)
    @cython.locals(stack=list)
    cpdef object put(self, ClientConnection connection, double now)
    @cython.locals(stack=list)
    cpdef object remove(self, ClientConnection connection)
