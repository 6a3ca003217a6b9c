"""Sans-I/O cores: bytes in, events out. Nothing here knows a socket, clock, logger or loop."""
