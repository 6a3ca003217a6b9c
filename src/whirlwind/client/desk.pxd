from whirlwind.client.connection cimport ClientConnection
from whirlwind.client.pool cimport Pool


cdef double _INFINITE


cdef class Desk:
    cdef public Py_ssize_t max_clients
    cdef public Pool pool
    cdef public object queue
    cdef public object fair
    cdef public set active
    cdef public set connections
    cdef public bint closed
    cdef public double next_look
    cdef bint _starting

    cpdef bint admit(self, object call) except -1
    cpdef object leave(self, object call)
    cdef object _start_queued(self)
    cpdef object release(self, ClientConnection connection, bint reusable, double now)
    cpdef object forget(self, ClientConnection connection)
    cpdef object watch(self, double deadline, double now)
    cpdef object stop_timer(self)
    cpdef object all_closed(self)
