"""Metrics: what engine, relay and leases tell about themselves, as Prometheus reads it. Known to app alone."""
