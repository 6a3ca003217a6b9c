from cpython.bytes cimport PyBytes_AS_STRING

cdef extern from *:
    """
    #ifdef _WIN32
    static int whirlwind_same_file(const char *path, long long device, unsigned long long inode,
            long long size, long long modified, long long changed) {
        (void)path; (void)device; (void)inode; (void)size; (void)modified; (void)changed;
        return -1;
    }
    #else
    #include <sys/stat.h>
    #ifdef __APPLE__
    #define WHIRLWIND_NS(st, which) ((long long)(st).st_##which##timespec.tv_sec * 1000000000LL \
        + (st).st_##which##timespec.tv_nsec)
    #else
    #define WHIRLWIND_NS(st, which) ((long long)(st).st_##which##tim.tv_sec * 1000000000LL \
        + (st).st_##which##tim.tv_nsec)
    #endif
    static int whirlwind_same_file(const char *path, long long device, unsigned long long inode,
            long long size, long long modified, long long changed) {
        struct stat st;
        if (stat(path, &st) != 0) return 0;
        return (long long)st.st_dev == device && (unsigned long long)st.st_ino == inode
            && (long long)st.st_size == size && WHIRLWIND_NS(st, m) == modified
            && WHIRLWIND_NS(st, c) == changed;
    }
    #endif
    """
    int whirlwind_same_file(
        const char *path, long long device, unsigned long long inode, long long size,
        long long modified, long long changed) noexcept nogil


cdef inline int compare(
    bytes path, long long device, unsigned long long inode, long long size, long long modified,
    long long changed):
    cdef const char *text
    cdef int answer
    if path is None:
        return 0
    text = PyBytes_AS_STRING(path)
    with nogil:  # a network file system may take its time
        answer = whirlwind_same_file(text, device, inode, size, modified, changed)
    return answer
