import cython

cimport whirlwind.web.hooks as hooks

cdef object _Logger, _StreamHandler, _FileHandler, _Formatter, _PercentStyle, _default_formatter
cdef tuple _CLASSES
cdef Py_ssize_t _LOGGER_SIZE, _STREAM_SIZE, _FILE_SIZE, _FORMATTER_SIZE, _STYLE_SIZE
cdef unsigned long long _version
cdef bint _is_original, _TELLS

@cython.locals(version="unsigned long long", one="unsigned int")
cpdef bint are_original() except -1
cpdef bint is_enabled(object logger, int level) except -1
@cython.locals(found=bint)
cpdef object handle(object logger, object record, int level)
@cython.locals(size=Py_ssize_t, state=dict)
cdef object _pass_on(object handler, object record)
@cython.locals(values=dict, state=dict)
cdef object _formatted(object formatter, object record)
