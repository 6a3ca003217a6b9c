import cython

cimport whirlwind.protocol.frames as frames
cimport whirlwind.protocol.masking as masking
from whirlwind.server.hub cimport Hub
from whirlwind.server.outlet cimport Outlet

cdef int _KEYS, _MAX_UNYIELDING


cdef class FrameSender(Outlet):
    cdef public Hub hub
    cdef public object deflater
    cdef public object queue
    cdef public bint masks
    cdef public bint close_sent
    cdef public bint close_received
    cdef double _rest_at
    cdef bytes _keys
    cdef int _next_key

    cpdef object write_message(self, object message, bint binary=*)
    @cython.locals(first=int, packed=bytes)
    cpdef bytes encode_message(self, object message, bint binary)
    cpdef bytes encode(self, int first, bytes payload)
    cdef object share(self, bytes frame)
    cdef bint has_ended(self)
    cpdef object send_close(self, bytes payload)
    cpdef object abort(self)
    cpdef object gone_error(self, object error)
    cpdef bint is_closing(self)
    cpdef Py_ssize_t unsent(self) except -1
    cpdef object set_deadline(self)


cdef object _write(FrameSender sender, object message, bint binary)


cdef class MessageWriter:
    pass
