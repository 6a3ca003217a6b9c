import cython

from whirlwind.server.outlet cimport Outlet

cdef int _STREAK, _FEW
cdef double _CLOSE


cdef class Site:
    cdef public object loop
    cdef public object delegate
    cdef public object direct
    cdef public object done
    cdef public object context
    cdef public set connections
    cdef public double clock
    cdef public Py_ssize_t max_head_size
    cdef public long long max_body_size
    cdef public Py_ssize_t chunk_size
    cdef public double header_timeout
    cdef public double idle_timeout
    cdef public double write_timeout
    cdef public double linger_timeout
    cdef public double body_timeout
    cdef public bint no_keep_alive
    cdef public bint decompress
    cdef public bint xheaders
    cdef public object trusted
    cdef public str protocol
    cdef public bint busy
    cdef int _streak
    cdef Outlet _last
    cdef double _last_time
    cdef list _batch
    cdef object _reaper
    cdef object _empty

    cpdef object note_request(self, Outlet conn, double now)
    cpdef object enqueue(self, Outlet conn)
    @cython.locals(batch=list, conn=Outlet)
    cpdef object _uncork_all(self)
    cpdef object forget(self, Outlet conn)
    cpdef double now(self) except -1
    cpdef object reaper_needed(self)
    cpdef object connection_closed(self, Outlet conn)
