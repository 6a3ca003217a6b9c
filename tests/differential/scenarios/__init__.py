"""Small programs over loop, coroutines, queues and streams, the same on both packages."""
