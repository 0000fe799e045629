"""MySQL 8, MariaDB, and both behind ShardingSphere-Proxy: the storage port over one set of statements.

Every statement is right in all three places: one sharded table each, integer literals for `product_shard_id`, explicit
columns, no RETURNING, no SET once the connection is open. MySQL 8 itself has not been run; MariaDB 10.11 and the proxy
5.1.0 before it have.
"""

from .database import connect

__all__ = ["connect"]
