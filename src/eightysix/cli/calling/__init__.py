"""Talking to a running service: the client as commands make it, a service of one's own, the catalogue, latencies."""
