cimport whirlwind.protocol.frames as frames
from whirlwind.protocol.websocket cimport FrameParser
from whirlwind.server.outlet cimport Outlet
from whirlwind.websocket.sender cimport FrameSender

cdef object _Failure


cdef class ConnectionLifetime(FrameSender):
    cdef public object handler
    cdef public FrameParser parser
    cdef public object close_code
    cdef public object close_reason
    cdef object _closed_waiter
    cdef object _close_callbacks
    cdef bint _eof
    cdef bint _ended
    cdef long long _unsent
    cdef long long _untaken
    cdef double _close_by
    cdef double _next_ping
    cdef double _pong_by
    cdef double _ping_interval
    cdef double _ping_timeout

    cpdef object close(self, object code=*, object reason=*)
    cdef object _receive_close(self)
    cdef object _refuse(self, object error)
    cdef object _break_off(self, int code, str reason)
    cdef object _end(self)
    cdef object _end_within(self, double seconds)
    cdef object _log_exception(self, object error)
    cpdef object set_deadline(self)
    cpdef object expire(self, double now)
    cdef object _watch_unsent(self)
    cdef object _pause_reading(self)
