cdef enum:
    NEED_DATA = 0
    HEAD = 1
    DATA = 2
    END = 3

cdef enum:
    IN_HEAD = 0
    AFTER_HEAD = 1
    FIXED = 2
    CHUNK_LINE = 3
    CHUNK_DATA = 4
    CHUNK_END = 5
    TRAILERS = 6
    UNTIL_CLOSE = 7
    AT_END = 8
    CLOSED = 9
