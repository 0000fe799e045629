"""Talking to a running service as a client does: HTTP, the service's own process, the catalogue, latencies."""
