"""The delivery log of webhooks."""

from collections.abc import Sequence

from eightysix.storage.webhook_attempt import COLUMNS, Attempt, Place, attempt_of, attempt_row
from eightysix.storage.webhook_queue import WebhookKey

from . import rows
from .on_demand import OnDemand

_NAMES = ", ".join(COLUMNS)
_IS = "product_shard_id = ?1 AND brand_id = ?2 AND webhook_id = ?3"
_PLACE = "attempted_at, attempt_id"

ADD = (
    f"INSERT INTO webhook_attempt ({_NAMES}) SELECT {', '.join(f'value ->> {at}' for at in range(len(COLUMNS)))} "  # noqa: S608 - names, no values
    "FROM json_each(?1) WHERE true ON CONFLICT DO NOTHING"
)
PAGE = (
    f"SELECT {_NAMES} FROM webhook_attempt WHERE {_IS} AND attempted_at >= ?4 AND ({_PLACE}) < (?5, ?6) "  # noqa: S608 - as above
    "ORDER BY attempted_at DESC, attempt_id DESC LIMIT ?7"
)
END = f"SELECT {_PLACE} FROM webhook_attempt WHERE {_IS} ORDER BY {_PLACE} LIMIT 1 OFFSET ?4"  # noqa: S608 - as above
REMOVE = f"DELETE FROM webhook_attempt WHERE {_IS} AND ({_PLACE}) < (?4, ?5)"  # noqa: S608 - as above
WEBHOOKS = "SELECT DISTINCT product_shard_id, brand_id, webhook_id FROM webhook_attempt WHERE product_shard_id = ?1"

HOT_STATEMENTS = {"ADD": ADD, "PAGE": PAGE, "END": END, "REMOVE": REMOVE, "WEBHOOKS": WEBHOOKS}
"""Every statement of this page, for the test that looks at their plans."""


class SqliteWebhookAttempts:
    """`storage.webhook_attempt.WebhookAttempts`."""

    def __init__(self, file: OnDemand) -> None:
        self._file = file

    async def add(self, attempts: Sequence[Attempt]) -> None:
        """See the port."""
        if attempts:
            await self._file.note(ADD, rows.encode([attempt_row(each) for each in attempts]).decode())

    async def page(
        self, webhook: WebhookKey, since: int, until: int, before: Place | None, limit: int
    ) -> list[Attempt]:
        """See the port."""
        end = Place(until, "") if before is None else min(before, Place(until, ""))
        return [attempt_of(row) for row in await self._file.read(PAGE, *webhook, since, *end, limit)]

    async def remove(self, webhook: WebhookKey, before: int, limit: int) -> int:
        """See the port."""
        end = [Place(*row) for row in await self._file.read(END, *webhook, limit)]
        return await self._file.write(REMOVE, *webhook, *min(*end, Place(before, ""), Place(before, "")))

    async def webhooks(self, bucket: int) -> list[WebhookKey]:
        """See the port."""
        return [WebhookKey(*row) for row in await self._file.read(WEBHOOKS, bucket)]
