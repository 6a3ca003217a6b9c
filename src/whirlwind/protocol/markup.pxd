cimport whirlwind.protocol.scan as scan

cpdef str escape_markup(str text)
cpdef str escaped(object value)
cpdef str text_of(object value)
