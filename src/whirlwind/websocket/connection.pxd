import cython

cimport whirlwind.platform.contexts as contexts
cimport whirlwind.protocol.frames as frames
from whirlwind.protocol.websocket cimport FrameParser
from whirlwind.server.hub cimport Hub
from whirlwind.server.outlet cimport Outlet
from whirlwind.websocket.sender cimport FrameSender

cdef int _MAX_MESSAGES
cdef Py_ssize_t _MAX_UNREAD, _MAX_UNSENT
cdef long long _MAX_DISCARD
cdef object _wall_clock, _Failure


cdef class WebSocketConnection(FrameSender):
    cdef public object handler
    cdef public FrameParser parser
    cdef public object close_code
    cdef public object close_reason
    cdef public object params
    cdef public object _selected_subprotocol
    cdef public object _stream
    cdef object _owner
    cdef object _context
    cdef object _step
    cdef object _waiting
    cdef object _closed_waiter
    cdef object _close_callbacks
    cdef bytes _late_pong
    cdef bint _reading
    cdef bint _eof
    cdef bint _ended
    cdef bint _finished
    cdef bint _resume_due
    cdef long long _dropped
    cdef long long _unsent
    cdef long long _untaken
    cdef double _close_by
    cdef double _next_ping
    cdef double _pong_by
    cdef double _ping_interval
    cdef double _ping_timeout
    cdef object __weakref__

    cdef object _watch_unsent(self)
    @cython.locals(hub=Hub)
    cpdef object _advance(self)
    @cython.locals(parser=FrameParser, event=int, count=int)
    cdef object _handle_events(self)
    cdef bint _overflows(self) except -1
    cdef object _deliver(self, object message)
    cdef object _control(self, int event)
    cdef object _pong(self, bytes data)
    cdef object _await(self, object result)
    cpdef object _resume_soon(self)
    cdef object _go_on(self)
    cdef object _break_off(self, int code, str reason)
    cdef object _receive_close(self)
    cdef object _end(self)
    cdef object _end_within(self, double seconds)
    cdef object _finish(self)
    cpdef object set_deadline(self)
    cpdef object close(self, object code=*, object reason=*)
    cpdef object expire(self, double now)
    cdef object _pause_reading(self)
    cdef object _resume_reading(self)
