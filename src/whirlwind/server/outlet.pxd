import cython

cimport whirlwind.platform.sockets as sockets

cdef Py_ssize_t _MAX_CORKED
cdef int _MAX_UNYIELDING, _UNKNOWN, _NONE
cdef bint _GATHERS


cdef class Outlet:
    cdef public object loop
    cdef public object done
    cdef public object transport
    cdef public bint closed
    cdef public bint draining
    cdef public bint corked
    cdef public bint shut
    cdef public bint queued
    cdef int _socket
    cdef public double deadline
    cdef public double write_deadline
    cdef bytes _first
    cdef list _rest
    cdef Py_ssize_t _out_size
    cdef bint _blocked
    cdef bint _handed_over
    cdef object _waiters
    cdef int _unyielding
    cdef bint _reading

    cpdef object send(self, bytes data)
    @cython.locals(pieces=list, size=Py_ssize_t)
    cpdef object flush(self)
    @cython.locals(taken=Py_ssize_t)
    cdef object _write(self, bytes data)
    cdef object _write_directly(self)
    cdef list collected(self)
    cdef object _drop(self)
    cdef object _pause_reading(self)
    cdef object _resume_reading(self)
    cpdef bint end_sending(self)
    cpdef object uncork(self)
    cpdef object written(self)
    cpdef bint is_gone(self)
    cpdef bint is_blocked(self)
    cpdef object block(self)
    cpdef object unblock(self)
    cpdef object fail(self, object error)
    cpdef object failed(self)
    cpdef object gone_error(self, object error)
    cpdef object expire(self, double now)
    cpdef object response_finished(self, object exchange)
    cpdef object close(self)
    cpdef object abort(self)
