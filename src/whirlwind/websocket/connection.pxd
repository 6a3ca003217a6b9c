import cython

cimport whirlwind.platform.contexts as contexts
cimport whirlwind.protocol.frames as frames
from whirlwind.protocol.websocket cimport FrameParser
from whirlwind.server.hub cimport Hub
from whirlwind.server.outlet cimport Outlet
from whirlwind.websocket.lifetime cimport ConnectionLifetime

cdef int _MAX_MESSAGES
cdef Py_ssize_t _MAX_UNREAD, _MAX_UNSENT
cdef long long _MAX_DISCARD
cdef object _wall_clock, _Failure


cdef class WebSocketConnection(ConnectionLifetime):
    cdef public object params
    cdef public object _selected_subprotocol
    cdef public object _stream
    cdef object _owner
    cdef object _context
    cdef object _waiting
    cdef bytes _late_pong
    cdef bint _finished
    cdef bint _resume_due
    cdef long long _dropped
    cdef object __weakref__

    cdef object _take_turn(self)
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
    cdef object _finish(self)
