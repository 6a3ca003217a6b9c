import cython

cimport whirlwind.protocol.scan as scan

cdef int _HAS_TYPE
from whirlwind.protocol.heads cimport RequestHead
from whirlwind.protocol.headers cimport HeaderMap


cdef class RequestStorage:
    cdef RequestHead _head
    cdef public object method
    cdef public object uri
    cdef public object connection
    cdef public object server_connection
    cdef public object _context
    cdef public double _start_time
    cdef public object _finish_time
    cdef public object body
    cdef public object _body_future
    cdef public object _headers
    cdef object _version
    cdef public object _path
    cdef public object _query
    cdef object _host
    cdef object _host_name
    cdef object _remote_ip
    cdef object _protocol
    cdef object _query_arguments
    cdef object _body_arguments
    cdef object _arguments
    cdef object _files
    cdef public object _cookies

    @cython.locals(target=str, mark=Py_ssize_t)
    cdef object adopt(self, RequestHead head, object connection, object context, double now)
    @cython.locals(head=RequestHead)
    cpdef bint has_form(self)


@cython.locals(head=RequestHead)
cpdef bint lacks(RequestStorage request, int field) except -1
@cython.locals(head=RequestHead)
cpdef list field_lines(RequestStorage request)
