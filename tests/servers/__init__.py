"""Real servers for the tests: PostgreSQL, MariaDB, ShardingSphere-Proxy, RocketMQ, each an own instance on free ports.

`Postgres`, `MariaDB`, `Proxy` and `RocketMQServer` can be started, stopped, killed and restarted, from a test or from a
shell (`python -m tests.servers postgres start --dir D`). `tests.servers.fixtures` has the pytest fixtures. No instance
that the machine runs for itself is ever touched.
"""
