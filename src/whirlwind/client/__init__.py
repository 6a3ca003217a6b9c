"""The parts of the HTTP client: pool, connections, redirects, TLS, what goes over the wire."""
