"""Real servers for the tests: PostgreSQL, MariaDB, ShardingSphere-Proxy, each an own instance on a free loopback port.

`Postgres`, `MariaDB` and `Proxy` can be started, stopped, killed and restarted, from a test or from a shell
(`python -m tests.servers postgres start --dir D`). `tests.servers.fixtures` has the pytest fixtures. No instance that
the machine runs for itself is ever touched.
"""
