import cython

cimport whirlwind.protocol.scan as scan
cimport whirlwind.protocol.states as states
from whirlwind.protocol.heads cimport Head

cdef int _MAX_CHUNK_LINE


cdef class BodyParser:
    cdef public Py_ssize_t max_head_size
    cdef public long long max_body_size
    cdef public Py_ssize_t chunk_size
    cdef public Head head
    cdef public bytes chunk
    cdef public list trailers
    cdef public bytes excerpt
    cdef int _state
    cdef bint _eof
    cdef bytes _buf
    cdef Py_ssize_t _pos
    cdef bytearray _tail
    cdef Py_ssize_t _searched
    cdef long long _left
    cdef long long _body_size
    cdef long long _extension_size

    cpdef void receive(self, bytes data)
    cpdef void receive_eof(self)
    cpdef Py_ssize_t buffered(self)
    @cython.locals(size=Py_ssize_t)
    cpdef bint in_message(self)
    cpdef bytes take_rest(self)
    cpdef void skip_end(self)
    cpdef void close(self)
    cpdef int next_event(self) except -1
    cdef int _next_of_body(self) except -1
    cdef int _next_head(self) except -1
    cdef void _settle(self)
    @cython.locals(head=Head)
    cdef void _begin_body(self) except *
    cdef int _end(self) except -1
    cdef void _count(self, long long size) except *
    cdef int _short_of_data(self) except -1
    @cython.locals(size=Py_ssize_t)
    cdef int _next_fixed(self) except -1
    cdef int _next_until_close(self) except -1
    @cython.locals(size=Py_ssize_t, gathered=Py_ssize_t, end=Py_ssize_t, data=bytes, piece=bytes, pieces=list)
    cdef int _next_chunked(self) except -1
    @cython.locals(left=Py_ssize_t)
    cdef bint _skip_line_end(self, bytes data) except -1
    cdef void _check_partial_chunk_line(self, bytes data) except *
    @cython.locals(digits=Py_ssize_t, size=object)
    cdef long long _chunk_size(self, bytes data, Py_ssize_t pos, Py_ssize_t end) except -1
    @cython.locals(pos=Py_ssize_t, end=Py_ssize_t, stop=Py_ssize_t, colon=Py_ssize_t, eol=Py_ssize_t, count=int)
    cdef bint _trailer_section(self, bytes data) except -1
