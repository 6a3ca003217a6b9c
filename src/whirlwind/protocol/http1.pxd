import cython

cimport whirlwind.protocol.scan as scan
cimport whirlwind.protocol.states as states
from whirlwind.protocol.framing cimport BodyParser
from whirlwind.protocol.heads cimport Head, RequestHead, ResponseHead

cdef int _MAX_FIELDS, _FRAMED_HERE, _HAS_HOST, _TELLING
cdef tuple _METHODS
cdef dict _SERVED


cdef class MessageParser(BodyParser):
    @cython.locals(end=Py_ssize_t, pos=Py_ssize_t, line_end=Py_ssize_t, first=int, previous=Head, data=bytes)
    cdef int _next_head(self) except -1
    @cython.locals(end=Py_ssize_t)
    cdef Py_ssize_t _find_end(self) except -2
    cdef int _incomplete_head(self, Py_ssize_t size) except -1
    cdef void _too_large(self, Py_ssize_t line_size) except *
    cdef Py_ssize_t _parse_start_line(self, bytes data, Py_ssize_t pos, Py_ssize_t end) except -1
    cdef void _accept_head(self, Head head, int seen) except *
    cdef void _accept_same(self, Head head) except *
    @cython.locals(head=Head, seen=int, count=int, field=int, colon=Py_ssize_t, eol=Py_ssize_t)
    cdef void _parse_fields(self, bytes data, Py_ssize_t pos, Py_ssize_t end, Head previous) except *
    cdef void _repeated(self, int field) except *
    @cython.locals(digits=Py_ssize_t, coding=bytes)
    cdef void _known_field(self, Head head, int field, bytes data, Py_ssize_t pos, Py_ssize_t end) except *
    cdef void _odd_length(self, Head head, bytes value) except *
    @cython.locals(after=Py_ssize_t, close=Py_ssize_t)
    cdef void _host(self, bytes data, Py_ssize_t pos, Py_ssize_t end) except *
    cdef void _connection(self, Head head, bytes value) except *


cdef class RequestParser(MessageParser):
    @cython.locals(head=RequestHead, space=Py_ssize_t, target_end=Py_ssize_t, known=int, version=int)
    cdef Py_ssize_t _parse_start_line(self, bytes data, Py_ssize_t pos, Py_ssize_t end) except -1
    @cython.locals(version=bytes)
    cdef int _odd_version(self, bytes data, Py_ssize_t pos) except -1
    @cython.locals(target=str, request=RequestHead)
    cdef void _accept_head(self, Head head, int seen) except *
    @cython.locals(request=RequestHead)
    cdef void _accept_same(self, Head head) except *
    cdef void _check_target(self, RequestHead head) except *


cdef class ResponseParser(MessageParser):
    cdef str _method
    cdef int _interim
    cpdef void expect(self, str method)
    cdef void _repeated(self, int field) except *
    @cython.locals(before=cython.longlong)
    cdef void _known_field(self, Head head, int field, bytes data, Py_ssize_t pos, Py_ssize_t end) except *
    cdef void _odd_length(self, Head head, bytes value) except *
    @cython.locals(head=ResponseHead, code=Py_ssize_t, eol=Py_ssize_t, reason=bytes)
    cdef Py_ssize_t _parse_start_line(self, bytes data, Py_ssize_t pos, Py_ssize_t end) except -1
    @cython.locals(status=int, answer=ResponseHead)
    cdef void _accept_head(self, Head head, int seen) except *
