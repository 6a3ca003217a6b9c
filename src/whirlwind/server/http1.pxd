import cython

from whirlwind.protocol.heads cimport Head, RequestHead
from whirlwind.protocol.http1 cimport RequestParser
from whirlwind.server.closing cimport ClosingPeer
from whirlwind.server.exchange cimport ExchangeBase
from whirlwind.server.site cimport Site
cimport whirlwind.httputil.fresh as fresh
cimport whirlwind.server.clock as clock
from whirlwind.httputil.storage cimport RequestStorage

cdef int _NEED_DATA, _HEAD, _DATA, _END
cdef Py_ssize_t _MAX_PIPELINE
cdef long long _MAX_DISCARD
cdef int _MAX_PER_TURN
cdef RequestParser _SPENT


cdef class ServerConnection(ClosingPeer):
    cdef bint _advancing
    cdef bint _resume_due
    cdef bint _head_begun
    cdef object _detached
    cdef object _successor
    cdef object __weakref__

    cdef object _advance(self)
    @cython.locals(parser=RequestParser, head=RequestHead, exchange=ExchangeBase, event=int, count=int)
    cdef object _handle_events(self)
    cdef object _wait_for_head(self)
    cdef object _wait_for_next(self)
    cdef object _resume_soon(self)
    @cython.locals(site=Site, exchange=ExchangeBase)
    cdef ExchangeBase _open_exchange(self, RequestHead head)
    @cython.locals(site=Site, request=RequestStorage, now=double)
    cdef RequestStorage _make_request(self, ExchangeBase exchange, RequestHead head)
    @cython.locals(exchange=ExchangeBase)
    cdef object _begin(self, RequestHead head)
    @cython.locals(exchange=ExchangeBase, site=Site)
    cdef object _begin_with_body(self, RequestHead head)
    cdef object _begin_delegate(self, ExchangeBase exchange, RequestHead head)
    @cython.locals(exchange=ExchangeBase)
    cdef object _body_chunk(self, bytes chunk)
    cdef object _deliver_backlog(self, ExchangeBase exchange)
    cdef object _deliver(self, ExchangeBase exchange, bytes chunk)
    @cython.locals(exchange=ExchangeBase, pieces=list, request=RequestStorage)
    cdef object _body_end(self)
    cdef object _finish_receiver(self, ExchangeBase exchange)
    cdef object _receive_on(self, ExchangeBase exchange)
    cdef object _tell_refused(self, ExchangeBase exchange)
    @cython.locals(current=ExchangeBase)
    cpdef object response_finished(self, object exchange)
    cdef object _exchange_over(self, ExchangeBase exchange)
    cdef object _hand_over(self, ExchangeBase exchange)
    cpdef object begin_drain(self)
    cpdef bint is_idle(self)
    cpdef object expire(self, double now)
