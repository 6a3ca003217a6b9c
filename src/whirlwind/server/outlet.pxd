import cython

cdef Py_ssize_t _MAX_CORKED
cdef int _MAX_UNYIELDING
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
    cdef public double deadline
    cdef public double write_deadline
    cdef bytes _first
    cdef list _rest
    cdef Py_ssize_t _out_size
    cdef bint _blocked
    cdef object _waiters
    cdef int _unyielding

    cpdef object send(self, bytes data)
    @cython.locals(pieces=list, piece=bytes, size=Py_ssize_t)
    cpdef object flush(self)
    cdef list collected(self)
    cdef object _drop(self)
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
