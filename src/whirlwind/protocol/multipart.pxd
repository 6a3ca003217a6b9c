import cython

cimport whirlwind.protocol.scan as scan

cdef int _S_START
cdef int _S_PREAMBLE
cdef int _S_PADDING
cdef int _S_FIELDS
cdef int _S_BODY
cdef int _S_EPILOGUE
cdef int _S_FAILED
cdef int _SP
cdef int _HTAB
cdef int _CR
cdef int _DASH
cdef int _COLON


cdef class MultipartParser:
    cdef bytes _delimiter
    cdef bytes _opening
    cdef Py_ssize_t _max_parts
    cdef Py_ssize_t _max_head_size
    cdef int _state
    cdef Py_ssize_t _parts
    cdef bytes _held
    cdef Py_ssize_t _skip
    cdef Py_ssize_t _head_size
    cdef list _fields
    cdef object _error
    @cython.locals(events=list, pos=Py_ssize_t, end=Py_ssize_t)
    cpdef list feed(self, bytes data)
    @cython.locals(
        delimiter=bytes, end=Py_ssize_t, start=Py_ssize_t, stop=Py_ssize_t, found=Py_ssize_t,
        after=Py_ssize_t,
    )
    cdef Py_ssize_t _read_body(self, bytes data, Py_ssize_t pos, list events) except -1
    cdef int _end_part(self, bytes data, Py_ssize_t start, Py_ssize_t stop, list events) except -1
    cdef int _begin_part(self, int state) except -1
    @cython.locals(end=Py_ssize_t)
    cdef Py_ssize_t _read_padding(self, bytes data, Py_ssize_t pos) except -1
    @cython.locals(line_end=Py_ssize_t, length=Py_ssize_t, size=Py_ssize_t)
    cdef Py_ssize_t _read_field(self, bytes data, Py_ssize_t pos, list events) except -1


@cython.locals(colon=Py_ssize_t)
cdef tuple _parse_field(bytes data, Py_ssize_t pos, Py_ssize_t end)
