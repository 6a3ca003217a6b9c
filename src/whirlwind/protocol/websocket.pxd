import cython

cimport whirlwind.protocol.frames as frames
cimport whirlwind.protocol.masking as masking

cdef int _MAX_FRAMES, _TEXT, _BINARY
cdef object _new_decoder


cdef class FrameParser:
    cdef public long long max_size
    cdef public object inflater
    cdef bint _masked
    cdef bytes _buf
    cdef Py_ssize_t _pos
    cdef bytearray _tail
    cdef bint _closed
    cdef long long _left
    cdef unsigned int _key
    cdef unsigned int _phase
    cdef int _first
    cdef int _kind
    cdef bint _compressed
    cdef long long _size
    cdef object _whole
    cdef bytes _control
    cdef object _decoder
    cdef public object message
    cdef public int code
    cdef public str reason

    cpdef object receive(self, bytes data)
    cpdef Py_ssize_t buffered(self) noexcept
    cpdef bint in_message(self) noexcept
    cpdef object take(self)
    cpdef object close(self)
    cpdef int next_event(self) except -1
    @cython.locals(data=bytes, size=Py_ssize_t, count=int, start=Py_ssize_t, payload=Py_ssize_t, end="long long", event=int)
    cdef int _next(self) except -1
    @cython.locals(text=bint, piece=bytes)
    cdef void _whole_message(self, bytes data, Py_ssize_t pos, Py_ssize_t end) except *
    @cython.locals(second=int, length="long long", high="long long", control=int)
    cdef Py_ssize_t _frame_head(self, bytes data, Py_ssize_t pos, Py_ssize_t end) except -2
    @cython.locals(opcode=int)
    cdef void _check_first(self, int first) except *
    @cython.locals(room="long long", compressed=bint)
    cdef void _check_compressed_size(self, long long length) except *
    @cython.locals(opcode=int)
    cdef void _begin_frame(self) except *
    @cython.locals(pos=Py_ssize_t, end="long long", control=int, piece=bytes)
    cdef int _take_payload(self, bytes data, Py_ssize_t size) except -1
    cdef void _add(self, bytes piece) except *
    cdef void _keep(self, bytes piece) except *
    cdef int _end_message(self) except -1
    @cython.locals(code=int)
    cdef void _check_close(self, bytes payload) except *
    @cython.locals(payload=bytes)
    cdef int _end_control(self) except -1
