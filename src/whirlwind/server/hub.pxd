import cython

from whirlwind.server.outlet cimport Outlet

cdef int _STREAK, _FEW
cdef double _CLOSE, _REAP_EVERY, _REAP_AT_MOST


cdef class Hub:
    cdef public object loop
    cdef public object done
    cdef public object context
    cdef public set connections
    cdef public double clock
    cdef public double write_timeout
    cdef public bint busy
    cdef int _streak
    cdef Outlet _last
    cdef double _last_time
    cdef list _batch
    cdef object _reaper
    cdef double _reap_every
    cdef object _empty

    cpdef object note_request(self, Outlet conn, double now)
    cpdef object enqueue(self, Outlet conn)
    @cython.locals(batch=list, conn=Outlet)
    cpdef object _uncork_all(self)
    cpdef object forget(self, Outlet conn)
    cpdef double now(self) except -1
    cpdef object reaper_needed(self)
    cpdef object watch_closely(self, double seconds)
    cpdef object connection_closed(self, Outlet conn)
