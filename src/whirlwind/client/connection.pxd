import cython

from whirlwind.client.receiver cimport Receiver
from whirlwind.protocol.heads cimport ResponseHead
from whirlwind.protocol.http1 cimport ResponseParser

cdef int _HEAD, _DATA, _END
cdef Py_ssize_t _MAX_JOINED


cdef class ClientConnection:
    cdef object __weakref__
    cdef public object engine
    cdef public tuple key
    cdef public ResponseParser parser
    cdef public object transport
    cdef public Receiver call
    cdef public bint closed
    cdef public Py_ssize_t served
    cdef public bint silent
    cdef public bint sending
    cdef public double idle_since
    cdef public double expiry
    cdef bint _head_done
    cdef bint _delivered
    cdef bint _waiting
    cdef object _busy
    cdef bint _reading
    cdef bint _eof
    cdef bint _blocked
    cdef object _room
    cdef object _gone

    cpdef object begin(self, Receiver call)
    cpdef bint is_blocked(self)
    @cython.locals(event=int, call=Receiver)
    cdef object _advance(self)
    @cython.locals(head=ResponseHead)
    cdef object _head(self, Receiver call)
    @cython.locals(head=ResponseHead, reusable=bint)
    cdef object _end(self, Receiver call)
    cdef object _wait_for(self, Receiver call, object waiting)
    cdef object _refuse(self, object error)
    cdef object _cut(self, object error)
    cpdef object fail(self, object error)
    cpdef object close(self)
    cpdef object abort(self)
    cpdef bint is_usable(self)
    cdef bint _is_tls(self)
    cdef object _pause_reading(self)
    cdef object _resume_reading(self)
