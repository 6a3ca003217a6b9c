"""Whether a file is still what it was, told without an object for each number of ``os.stat``.

The compiled form (``same.pxd``) asks the system itself: a sixth of the instructions. This plain
form can not tell, and `whirlwind.web.static.kept` uses ``os.stat``; so does the compiled one where
the system has no such call.
"""


def compare(path: bytes, device: int, inode: int, size: int, modified: int, changed: int) -> int:
    """Compare a file with what was known of it.

    :arg path: its path.
    :arg modified, changed: times of change of content and of attributes, in ns.
    :returns: 1 if it is the same, 0 if not, -1 if that can not be told here.
    """
    return -1
