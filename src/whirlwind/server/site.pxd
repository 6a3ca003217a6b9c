from whirlwind.server.hub cimport Hub
from whirlwind.server.outlet cimport Outlet


cdef class Site(Hub):
    cdef public object delegate
    cdef public object direct
    cdef public Py_ssize_t max_head_size
    cdef public long long max_body_size
    cdef public Py_ssize_t chunk_size
    cdef public double header_timeout
    cdef public double idle_timeout
    cdef public double linger_timeout
    cdef public double body_timeout
    cdef public bint no_keep_alive
    cdef public bint draining
    cdef public bint decompress
    cdef public bint xheaders
    cdef public object trusted
    cdef public str protocol

    cpdef object connection_closed(self, Outlet conn)
