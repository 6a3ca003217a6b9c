import cython

cimport whirlwind.web.hexed as hexed

cdef Py_ssize_t _SHORT
cdef object sha1, _short_sha1

@cython.locals(chunk=bytes)
cpdef str tag_of(list pieces)
cpdef bint is_among(str tag, str field) except -1
