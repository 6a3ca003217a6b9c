import cython

cimport whirlwind.protocol.lines as lines
cimport whirlwind.protocol.scan as scan

cdef dict _NORMAL

cpdef str normalize(str name)
cpdef bint is_sendable(str value)
cdef bint _is_name(str name)


cdef class HeaderMap:
    cdef public dict _map
    cdef public bint _suspect
    cpdef void put(self, str name, object value)
    cpdef bint put_checked(self, str name, str value)
    cpdef void put_normal(self, str name, str value)
    cpdef void append(self, str name, str value)
    cpdef bint append_checked(self, str name, str value)
    cdef void _append(self, str name, str value)
    cpdef object add_checked(self, str name, str value, bint chars_are_bytes)
    cpdef object add_raw(self, bytes name, bytes value)
    @cython.locals(colon=Py_ssize_t, start=Py_ssize_t, name=str)
    cpdef object add_line(self, str text, Py_ssize_t pos, Py_ssize_t end, bint chars_are_bytes)
    @cython.locals(pos=Py_ssize_t, size=Py_ssize_t, end=Py_ssize_t, after=Py_ssize_t)
    cpdef object add_block(self, str text, bint chars_are_bytes)
    cpdef object lookup(self, str name)
    cpdef object lookup_normal(self, str name)
    cpdef list values_of(self, str name)
    cpdef bint has(self, str name)
    cpdef bint drop(self, str name)
    cpdef list lines(self)
    @cython.locals(table=dict, line=str, colon=Py_ssize_t, name=str, value=str, key=object)
    cpdef void load(self, bytes raw)


@cython.locals(table=dict, ready=bytes, parts=list, count=Py_ssize_t, head=str, name=str, value=object, one=object)
cpdef bytes encode_head(str start_line, HeaderMap headers, str last, bytes body=*)
cpdef bytes encode_open(str start_line, HeaderMap headers, bytes body)
