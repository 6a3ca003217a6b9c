import cython

from whirlwind.websocket.connection cimport WebSocketConnection


@cython.locals(connection=WebSocketConnection, ready=bytes)
cdef int _spread(tuple members, object shared) except -1
cdef WebSocketConnection _connection(object one)
