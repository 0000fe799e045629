"""What a restore needs to know that comes between a sale at a hub and its telling: whether the restore said how much
there is, and what the hub may hold that it hasn't told of.

Only columns with a default are added, so that the program before this one goes on working on them.

Revision ID: 0005
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import context, op

revision: str = "0005"
down_revision: str | None = "0004"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add the columns that aren't there."""
    suffixes: Sequence[str] = context.config.attributes["table_suffixes"]
    for suffix in suffixes:
        _add(f"poi_item_stock{suffix}", "filled_slot")
        _add(f"poi_item_stock{suffix}", "refilled_at")
        _add(f"poi_hub_mirror{suffix}", "untold")
        _add(f"poi_hub_mirror{suffix}", "untold_seq")


def _add(table: str, name: str) -> None:
    there = {each["name"] for each in sa.inspect(op.get_bind()).get_columns(table)}
    if name not in there:
        op.add_column(table, sa.Column(name, _BIG, nullable=False, server_default="0"))
