import cython

from whirlwind.client.connection cimport ClientConnection
from whirlwind.client.desk cimport Desk
from whirlwind.client.pool cimport Pool
from whirlwind.client.receiver cimport Receiver
from whirlwind.protocol.heads cimport ResponseHead

cdef double _INFINITE
cdef int _ENCODED


cdef class Call(Receiver):
    cdef object __weakref__
    cdef public object engine
    cdef public object callback
    cdef public object original
    cdef public bint done
    cdef public double deadline
    cdef public double read_timeout
    cdef public double write_timeout
    cdef public bint has_total_limit
    cdef public bint was_delivered
    cdef public object dial
    cdef public ClientConnection connection
    cdef public double queued_at
    cdef double _ends
    cdef Py_ssize_t _written
    cdef str _phase
    cdef object _on_head
    cdef int _redirects
    cdef bint _following
    cdef Py_ssize_t _discarded
    cdef object _connecting
    cdef object _production
    cdef ResponseHead _response
    cdef object _headers
    cdef list _collected
    cdef object _sink
    cdef object _header_callback
    cdef object _decoder
    cdef object _backlog
    cdef double _started
    cdef double _started_wall
    cdef double _first_byte

    @cython.locals(now=double, engine=Desk)
    cpdef object submit(self, object sink=*, object on_head=*)
    cpdef double queue_limit(self)
    @cython.locals(pool=Pool, engine=Desk)
    cdef object _dispatch(self, double now, bint fresh=*)
    cpdef object connecting(self, object dial)
    cpdef object connected(self, ClientConnection connection)
    @cython.locals(ends=double, engine=Desk)
    cpdef object _send(self, ClientConnection connection, double now)
    @cython.locals(engine=Desk)
    cdef object _set_deadline(self, double deadline, double now)
    cdef object _go_on(self)
    cdef object _send_body(self)
    cdef bint _is_followed(self, ResponseHead head)
    cdef object _open_decoder(self, ResponseHead head)
    cdef object _announce(self, object callback, ResponseHead head, object headers)
    cdef object _deliver(self, bytes chunk)
    @cython.locals(started=double, took=double)
    cpdef tuple times(self)
    cdef object _skip_body(self)
    cpdef object _follow(self, double now)
    @cython.locals(now=double, engine=Desk)
    cpdef object complete(self, object connection, bint reusable)
    cdef object _stop_production(self)
    cdef object _respond(self, object error)
