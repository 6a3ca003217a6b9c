import cython

from whirlwind.protocol.http1 cimport RequestParser
from whirlwind.server.exchange cimport ExchangeBase
from whirlwind.server.outlet cimport Outlet
from whirlwind.server.peer cimport Peer

cdef Py_ssize_t _MAX_PIPELINE
cdef long long _MAX_DROPPED


cdef class ClosingPeer(Peer):
    cdef public RequestParser parser
    cdef public ExchangeBase exchange
    cdef public long long write_size
    cdef bint _closing
    cdef bint _eof
    cdef long long _dropped

    cpdef object close(self)
    cdef object _close(self, bint unread)
    cdef object _watch_last_bytes(self)
    cdef object _discard_while_closing(self, Py_ssize_t size)
    @cython.locals(exchange=ExchangeBase)
    cdef object _resume_reading(self)
