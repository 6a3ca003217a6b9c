import cython

from whirlwind.protocol.headers cimport HeaderMap, encode_head, encode_open, is_sendable
from whirlwind.server.outlet cimport Outlet

cdef int _FRESH, _HEAD_SENT, _FINISHED
cdef str _OK
cdef Py_ssize_t _ONE_BUFFER

cdef str status_line(int code, str reason)


cdef class ExchangeBase:
    cdef public Outlet conn
    cdef public object method
    cdef public int minor
    cdef public bint keep_alive
    cdef public object owner
    cdef public object receiver
    cdef public object request
    cdef public list pieces
    cdef public object decoder
    cdef public object backlog
    cdef public bint waiting
    cdef public bint request_done
    cdef public bint body_long
    cdef public long long discarded
    cdef public bint continue_due
    cdef public int _state
    cdef bint _gone
    cdef bint _chunked
    cdef long long _left
    cdef public object _close_callback
    cdef public object _view
    cdef public bint handed_over
    cdef public bint told_lost

    cdef bint is_finished(self)
    cpdef bint is_fresh(self)
    @cython.locals(conn=Outlet)
    cpdef object respond(self, int code, str reason, HeaderMap headers, bytes body, bint sized)
    @cython.locals(head=bytes)
    cdef object _respond_in_two(self, int code, str reason, HeaderMap headers, bytes body, bint sized)
    @cython.locals(head=bytes)
    cpdef object start(self, int code, str reason, HeaderMap headers, bytes chunk)
    @cython.locals(conn=Outlet, line=str, last=str, fields=dict, ready=bytes)
    cdef bytes _start(self, int code, str reason, HeaderMap headers, bint sized, bytes body)
    @cython.locals(bodyless=bint, length=str)
    cdef str _frame_unsized(self, int code, HeaderMap headers)
    cdef bytes _frame(self, bytes chunk)
    cdef object _count(self, long long size)
    cdef object _too_short(self)
    cpdef object send_body(self, bytes chunk)
    cpdef object send_raw(self, bytes data)
    cpdef object end(self)
    cpdef bint is_lost(self)
    cpdef object cut(self)
    cpdef object refused(self)
    cpdef object release(self)
    @cython.locals(receiver=object)
    cpdef object lost(self)
