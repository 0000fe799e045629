"""What either side keeps of a store's hub: one table in the cloud, the others in the hub's own file alone."""

from sqlalchemy import Column, Text
from sqlalchemy.dialects import mysql

from .columns import COUNTER, counter, ident, instant, key, sharded, stock_key, store_key

_LONG = Text().with_variant(mysql.MEDIUMTEXT(), "mysql", "mariadb")

poi_stock_hub = sharded(
    "poi_stock_hub",
    *store_key(),
    key("hub_id", ident()),
    instant("fenced_at", nullable=True),
    Column("at_risk", _LONG, nullable=True),  # JSON: thousandths by object_type/object_id; NULL: nothing is
    counter("revision"),
)
"""In the cloud: the hubs of a store that were written off."""

poi_hub_books = sharded(
    "poi_hub_books",
    *store_key(),
    Column("hub_id", ident(), nullable=False),
    Column("journal_id", ident(), nullable=False),
    counter("last_seq"),
    Column("chain", ident(64), nullable=False),  # the digest of the journal up to last_seq
    counter("acked_seq"),
)
"""At a hub: how far its journal is written, and how far the cloud has it."""

poi_hub_event = sharded(
    "poi_hub_event",
    *store_key(),
    key("seq", COUNTER),
    instant("at"),
    Column("body", _LONG, nullable=False),
)
"""At a hub: the journal, from the first event that the cloud hasn't acknowledged."""

poi_hub_mirror = sharded(
    "poi_hub_mirror",
    *stock_key(),
    counter("version"),
    counter("settings_version"),
    counter("epoch_at"),
    counter("pending_seq"),
    counter("settled_version"),
    counter("untold"),  # thousandths
    counter("untold_seq"),
)
"""At a hub: what it knows of the cloud's row of each stock."""

poi_hub_request = sharded(
    "poi_hub_request",
    *store_key(),
    key("request_id", ident()),
    Column("changes", _LONG, nullable=False),
    instant("asked_at"),
)
"""At a hub: what it has asked of the cloud's stock or given back, until that is answered."""
