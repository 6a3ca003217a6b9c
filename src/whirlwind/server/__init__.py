"""HTTP/1 connections of a server: `http1` (protocol), `exchange` (one request and its answer)."""
