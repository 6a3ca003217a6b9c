import cython

cimport whirlwind.web.hooks as hooks
cimport whirlwind.web.static.same as same
from whirlwind.httputil.storage cimport RequestStorage, lacks
from whirlwind.protocol.headers cimport HeaderMap
from whirlwind.web.response cimport ResponseBase

cdef int _RANGE, _IF_NONE_MATCH, _IF_MODIFIED_SINCE, _ACCEPT_ENCODING
cdef object _monotonic, _wall_clock


cdef class Place:
    cdef public bytes path
    cdef public object file
    cdef public dict fields
    cdef public object modified
    cdef public dict siblings
    cdef public tuple codings
    cdef public bint is_default
    cdef public double until
    cdef public long long size
    cdef public str length
    cdef long long _device
    cdef unsigned long long _inode
    cdef long long _size
    cdef long long _modified
    cdef long long _changed

    @cython.locals(answer=int)
    cpdef bint is_unchanged(self)


cdef class Places:
    cdef public dict _places
    cdef public long long _bytes
    cdef Py_ssize_t _max_places
    cdef long long _max_bytes
    cdef object _lock

    @cython.locals(place=Place)
    cpdef object find(self, object key)
    @cython.locals(place=Place, one=Place)
    cpdef dict recall(self, object key)
    @cython.locals(place=Place)
    cdef object _remove(self, object key)


cdef class OwnHooks:
    cdef object _inspect
    cdef dict _groups
    cdef object _names
    cdef dict _known

    @cython.locals(version="unsigned int")
    cpdef object of(self, ResponseBase handler)


@cython.locals(native=RequestStorage, headers=HeaderMap, chosen=Place)
cpdef bint answer(ResponseBase handler, Place place, bint include_body) except -1
