import cython

cdef int _PERCENT, _PLUS
cdef Py_ssize_t _PIECE

cpdef bytes percent_decode(bytes data)
cdef bytes _decode_escapes(bytes data)
@cython.locals(pieces=list, start=Py_ssize_t, stop=Py_ssize_t)
cdef bytes _decode_with_literals(bytes data)
@cython.locals(found=dict, escaped=bint, field=str, name=str, separator=str, value=str, data=bytes, values=list)
cpdef dict parse_form(str text, bint keep_blank_values=*, bint strict=*, object max_fields=*)
