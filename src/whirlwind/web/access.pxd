import cython

cimport whirlwind.httputil.fresh as fresh
from whirlwind.web.records cimport handle, is_enabled
from whirlwind.web.response cimport ResponseBase, request_summary
from whirlwind.web.storage cimport ApplicationStorage, settings_of

cdef int _INFO, _WARNING, _ERROR, _SUMMARY
cdef str _FORMAT
cdef object _now, _LogRecord, _make_record, _init_record
cdef dict _level_names, _threads
cdef bint _KNOWS_TASKS, _CAN_KNOW
cdef str _path
cdef int _line
cdef dict _templates

@cython.locals(usual=ResponseBase, status=int, level=int, elapsed=double)
cpdef object log_request(ApplicationStorage app, object handler)
cdef object _new_record(int level, object args)
@cython.locals(template=dict, values=dict, created=double)
cdef object _copied_record(int level, object args)
