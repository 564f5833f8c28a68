"""One client library each, behind a port: exceptions turned into ours, nothing decided."""
