"""Every hot statement, as text. A test asks SQLite for the plan of each and fails unless the whole key is used.

What is wanted goes in as one JSON array of keys, what is found comes out as one JSON text. `CROSS JOIN` fixes the
order: the wanted keys outside, the table's key looked up inside. Saved rows are parameters of prepared statements for
many rows each (`each`): taking them apart from JSON in SQL (`json_each`, `json_extract`) costs two to four times as
much.
"""

from collections.abc import Mapping, Sequence

from .each import STORE, Each, delete, insert, update

NOW = "CAST(ROUND((julianday('now') - 2440587.5) * 86400000) AS INTEGER)"
"""The database's clock in milliseconds. `'now'` stands still within one statement."""

HEAD = ("seq", "outbox_seq", "last_at")
STOCK = (
    "object_type", "object_id", "stock_status", "stock_type", "manual", "plan_quantity", "real_quantity",
    "locked_quantity", "grant_quantity", "oversold_quantity", "version", "settings_version", "updated_at",
    "auto_restore_type", "auto_restore_at", "epoch_at", "restore_to", "auto_restore_from", "restored_slot",
    "filled_slot", "refilled_at", "allocation", "settings_real", "low_quantity", "is_low",
)  # fmt: skip
STOCK_COUNTED = (
    "object_type", "object_id", "stock_status", "real_quantity", "locked_quantity", "oversold_quantity", "version",
)  # fmt: skip
"""Of a stock: its key, and what orders move."""
CHANNEL = (
    "object_type", "object_id", "channel_code", "stock_status", "stock_type", "limit_quantity", "guarantee_quantity",
    "weight", "period_at", "used_quantity", "released_at", "low_quantity", "is_low",
)  # fmt: skip
RESERVATION = (
    "order_id", "sku_id", "line_no", "channel_code", "state", "requested_quantity", "quantity", "returned_quantity",
    "restocked_quantity", "locked_at", "expires_at", "counted", "takes", "revision",
    "log_seq", "hub_id",
)  # fmt: skip
RESERVATION_MOVED = (
    "order_id", "sku_id", "line_no", "state", "quantity", "returned_quantity", "restocked_quantity", "expires_at",
    "revision", "log_seq",
)  # fmt: skip
"""Of a reservation: its key, and what changes while the line goes on in its life."""
FACT = ("order_id", "closed_at")
DUE = ("due_at", "order_id")
REQUEST = ("request_id", "digest", "outcome", "recorded_at")
LOG = (
    "seq", "object_type", "object_id", "kind", "quantity", "real_before", "real_after", "locked_before", "locked_after",
    "order_id", "channel_code", "actor", "source", "event_id", "happened_at", "recorded_at", "reason", "content",
    "stock_prev", "order_prev",
)  # fmt: skip
OUTBOX = ("seq", "prev_seq", "object_type", "object_id", "committed_at")
INCIDENT = (
    "seq", "kind", "object_type", "object_id", "quantity", "order_id", "actor", "reason", "opened_at", "hub_id",
    "resolved_at", "resolved_by", "how", "resolution",
)  # fmt: skip
INCIDENT_RESOLVED = ("seq", "resolved_at", "resolved_by", "how", "resolution")
"""Of an incident: its key, and what its end tells."""
ALERT = ("seq", "channel_code", "kind", "object_type", "object_id", "quantity", "threshold", "raised_at")
TIMER = ("due_at", "planned_version", "timed_at", "revision", "told", "told_seq")
JOURNAL = ("device_id", "journal_id", "last_seq", "last_at", "marks", "chain")
HUB = ("hub_id", "fenced_at", "at_risk", "revision")


def _field(at: int, alias: str = "j") -> str:
    return f"json_extract({alias}.value, '$[{at}]')"


def _matches(table: str, key: Sequence[str], *, first: int = 0) -> str:
    return " AND ".join(f"{table}.{column} = {_field(at)}" for at, column in enumerate(key, first))


def _shown(columns: Sequence[str], alias: str = "t") -> str:
    # JSON has no bytes
    return ", ".join(f"hex({alias}.digest)" if column == "digest" else f"{alias}.{column}" for column in columns)


def found(tag: str, table: str, columns: Sequence[str], key: Sequence[str], *, first: int) -> str:
    """A subquery: JSON of `columns` (then the wanted row's own tag) for each wanted key."""
    shown = _shown(columns)
    return (
        f"(SELECT json_group_array(json_array({shown}, {tag})) FROM json_each(?1) j "  # noqa: S608 - names, no values
        f"CROSS JOIN {table} t WHERE {_matches('t', key, first=first)})"
    )


def _found_in(key: Sequence[str], *tables: tuple[str, Sequence[str]]) -> str:
    """As `found` in several tables that start their key alike: what is wanted is taken apart only once."""
    fields = ", ".join(f"json_extract(value, '$[{at}]') AS f{at}" for at in range(len(key) + 1))
    matches = " AND ".join(f"t.{column} = j.f{at}" for at, column in enumerate(key, 1))
    found = ", ".join(
        f"(SELECT json_group_array(json_array({_shown(columns)}, j.f0)) FROM j CROSS JOIN {table} t WHERE {matches})"  # noqa: S608 - as above
        for table, columns in tables
    )
    return f"WITH j AS MATERIALIZED (SELECT {fields} FROM json_each(?1)) SELECT {found}"  # noqa: S608 - as above


# --- begin

MARK = (
    f"UPDATE poi_stock_marker SET batch_no = ?, started_at = {NOW} "  # noqa: S608 - as above
    "WHERE product_shard_id = ? AND owner = ? AND lane = ?"
)
MAKE_MARKER = (
    "INSERT INTO poi_stock_marker (product_shard_id, owner, lane, batch_no, started_at) "  # noqa: S608 - as above
    f"VALUES (?, ?, ?, 0, {NOW}) ON CONFLICT DO NOTHING"
)
MARKED = "SELECT batch_no FROM poi_stock_marker WHERE product_shard_id = ? AND owner = ? AND lane = ?"
HEADS = f"SELECT {NOW}, {found('j.key', 'poi_stock_head', HEAD, STORE, first=0)}"
MAKE_HEADS = (
    f"INSERT INTO poi_stock_head ({', '.join(STORE)}) SELECT {_field(0)}, {_field(1)}, {_field(2)} "  # noqa: S608
    "FROM json_each(?1) j WHERE true ON CONFLICT DO NOTHING"
)

# --- load; the wanted rows are [store's number, bucket, brand, poi, key...]

DUE_NOW = (
    f"SELECT json_group_array(json_array(t.due_at, t.order_id, {_field(0)})) FROM json_each(?1) j "  # noqa: S608
    f"CROSS JOIN poi_stock_due t WHERE t.product_shard_id = {_field(1)} AND t.due_at <= {_field(4)} "
    f"AND t.brand_id = {_field(2)} AND t.poi_id = {_field(3)}"
)
ORDERS = _found_in((*STORE, "order_id"), ("poi_stock_reservation", RESERVATION), ("poi_stock_order", FACT))
REQUESTS = "SELECT " + found(_field(0), "poi_stock_request", REQUEST, (*STORE, "request_id"), first=1)
STOCKS = _found_in((*STORE, "object_type", "object_id"), ("poi_item_stock", STOCK), ("poi_item_channel_stock", CHANNEL))
WHOLE = _found_in(STORE, ("poi_item_stock", STOCK), ("poi_item_channel_stock", CHANNEL), ("poi_stock_timer", TIMER))
TIMERS = "SELECT " + found(_field(0), "poi_stock_timer", TIMER, STORE, first=1)
HUBS = "SELECT " + found(_field(0), "poi_stock_hub", HUB, (*STORE, "hub_id"), first=1)
INCIDENTS = "SELECT " + found(_field(0), "poi_stock_incident", INCIDENT, (*STORE, "seq"), first=1)
JOURNALS = "SELECT " + found(_field(0), "poi_stock_journal", JOURNAL, (*STORE, "device_id", "journal_id"), first=1)

# --- save

SAVE_HEADS = update("poi_stock_head", (), HEAD, ("seq",))
ADD_STOCKS = insert("poi_item_stock", STOCK)
SAVE_STOCKS = update("poi_item_stock", ("object_type", "object_id"), STOCK, ("version",))
COUNT_STOCKS = update("poi_item_stock", ("object_type", "object_id"), STOCK_COUNTED, ("version",))
ADD_CHANNELS = insert("poi_item_channel_stock", CHANNEL)
SAVE_CHANNELS = update(
    "poi_item_channel_stock", ("object_type", "object_id", "channel_code"), CHANNEL, ("period_at", "used_quantity")
)
ADD_RESERVATIONS = insert("poi_stock_reservation", RESERVATION)
SAVE_RESERVATIONS = update("poi_stock_reservation", ("order_id", "sku_id", "line_no"), RESERVATION, ("revision",))
MOVE_RESERVATIONS = update("poi_stock_reservation", ("order_id", "sku_id", "line_no"), RESERVATION_MOVED, ("revision",))
ADD_FACTS = insert("poi_stock_order", FACT)
ADD_LOGS = insert("poi_item_stock_log", LOG)
ADD_OUTBOX = insert("poi_stock_outbox", OUTBOX)
ADD_INCIDENTS = insert("poi_stock_incident", INCIDENT)
RESOLVE_INCIDENTS = update("poi_stock_incident", ("seq",), INCIDENT_RESOLVED, (), "resolved_at IS NULL")
ADD_ALERTS = insert("poi_stock_alert", ALERT)
ADD_TIMERS = insert("poi_stock_timer", TIMER)
SAVE_TIMERS = update("poi_stock_timer", (), TIMER, ("revision",))
ADD_JOURNALS = insert("poi_stock_journal", JOURNAL)
SAVE_JOURNALS = update("poi_stock_journal", ("device_id", "journal_id"), JOURNAL, ("last_seq",))
ADD_HUBS = insert("poi_stock_hub", HUB)
SAVE_HUBS = update("poi_stock_hub", ("hub_id",), HUB, ("revision",))
ADD_DUE = insert("poi_stock_due", DUE)
ADD_REQUESTS = insert("poi_stock_request", REQUEST)
REMOVE_DUE = delete("poi_stock_due", DUE)

# --- read

_THIS_STORE = "t.product_shard_id = ?1 AND t.brand_id = ?2 AND t.poi_id = ?3"


def _of_store(table: str, columns: Sequence[str], also: str = "") -> str:
    shown = _shown(columns)
    return f"(SELECT json_group_array(json_array({shown})) FROM {table} t WHERE {_THIS_STORE}{also})"  # noqa: S608


_HEAD_OF_STORE = _of_store("poi_stock_head", HEAD)
_DUE_OF_STORE = (
    "(SELECT json_group_array(json_array("  # noqa: S608
    f"{_shown(RESERVATION, 'r')})) FROM poi_stock_due t CROSS JOIN poi_stock_reservation r "
    f"WHERE {_THIS_STORE} AND t.due_at <= {NOW} AND r.product_shard_id = t.product_shard_id "
    f"AND r.brand_id = t.brand_id AND r.poi_id = t.poi_id AND r.order_id = t.order_id "
    f"AND r.state = 1 AND r.expires_at <= {NOW})"
)
_NEXT_DUE = (
    f"(SELECT t.due_at FROM poi_stock_due t WHERE {_THIS_STORE} AND t.due_at > {NOW} "  # noqa: S608
    "ORDER BY t.due_at LIMIT 1)"
)


def _named(table: str, columns: Sequence[str]) -> str:
    """Of the named keys (?4: JSON of [object_type, object_id])."""
    shown = _shown(columns)
    return (
        f"(SELECT json_group_array(json_array({shown})) FROM json_each(?4) j CROSS JOIN {table} t "  # noqa: S608
        f"WHERE {_THIS_STORE} AND t.object_type = {_field(0)} AND t.object_id = {_field(1)})"
    )


READ_HEAD = f"SELECT {NOW}, {_HEAD_OF_STORE}"
READ_STORE = (
    f"SELECT {NOW}, {_HEAD_OF_STORE}, {_of_store('poi_item_stock', STOCK)}, "
    f"{_of_store('poi_item_channel_stock', CHANNEL)}, {_DUE_OF_STORE}, {_NEXT_DUE}"
)
READ_NAMED = (
    f"SELECT {NOW}, {_HEAD_OF_STORE}, {_named('poi_item_stock', STOCK)}, "
    f"{_named('poi_item_channel_stock', CHANNEL)}, {_DUE_OF_STORE}, {_NEXT_DUE}"
)
READ_ORDER = (
    f"SELECT {NOW}, {_of_store('poi_stock_reservation', RESERVATION, ' AND t.order_id = ?4')}, "
    f"{_of_store('poi_stock_order', FACT, ' AND t.order_id = ?4')}"
)
LIVE_LINES = (
    f"SELECT {NOW}, (SELECT json_group_array(json_array({', '.join(RESERVATION)})) FROM (SELECT t.* "  # noqa: S608
    "FROM (SELECT DISTINCT d.order_id FROM poi_stock_due d WHERE d.product_shard_id = ?1 AND d.brand_id = ?2 "
    f"AND d.poi_id = ?3 AND d.due_at > {NOW} AND d.order_id > ?4) j CROSS JOIN poi_stock_reservation t "
    f"WHERE {_THIS_STORE} AND t.order_id = j.order_id AND t.state = 1 AND t.expires_at > {NOW} AND t.hub_id IS NULL "
    "ORDER BY t.order_id, t.sku_id, t.line_no LIMIT ?5))"
)
HUB_ROWS = (
    f"SELECT {_of_store('poi_stock_hub', HUB)}, {_of_store('poi_stock_journal', JOURNAL, ' AND t.chain IS NOT NULL')}"
)
NEXT_TIMERS = (
    f"SELECT {NOW}, (SELECT json_group_array(json_array(due_at, b, brand_id, poi_id)) FROM (SELECT t.due_at, "  # noqa: S608
    "t.product_shard_id AS b, t.brand_id, t.poi_id FROM json_each(?1) j CROSS JOIN poi_stock_timer t "
    "WHERE t.product_shard_id = j.value AND t.due_at IS NOT NULL ORDER BY t.due_at LIMIT ?2))"
)
PLANNED_VERSIONS = (
    "SELECT json_group_array(json_array(t.product_shard_id, t.brand_id, t.poi_id, coalesce(p.planned_version, 0), "
    "coalesce(p.told, 0))) "
    "FROM json_each(?1) j CROSS JOIN poi_stock_head t LEFT JOIN poi_stock_timer p ON p.product_shard_id = "
    "t.product_shard_id AND p.brand_id = t.brand_id AND p.poi_id = t.poi_id WHERE t.product_shard_id = j.value"
)
ALERTS = (
    f"SELECT json_group_array(json_array({', '.join(ALERT)})) FROM (SELECT * FROM poi_stock_alert t "  # noqa: S608
    f"WHERE {_THIS_STORE} AND t.seq <= ?4 AND (t.seq, t.channel_code) < (?4, ?5) "
    "ORDER BY t.seq DESC, t.channel_code DESC LIMIT ?6)"
)
READ_HEADS = (
    f"SELECT {NOW}, (SELECT json_group_array(json_array({', '.join(f't.{name}' for name in (*STORE, *HEAD))})) "  # noqa: S608
    f"FROM json_each(?1) j CROSS JOIN poi_stock_head t WHERE {_matches('t', STORE)})"
)
CHANGED = (
    f"SELECT {_HEAD_OF_STORE}, (SELECT json_group_array(json_array(object_type, object_id, version)) FROM ("  # noqa: S608
    f"SELECT t.object_type, t.object_id, t.version FROM poi_item_stock t WHERE {_THIS_STORE} AND t.version > ?4 "
    "ORDER BY t.version LIMIT ?5))"
)
TAKEN_SINCE = "SELECT " + _of_store(
    "poi_stock_reservation", RESERVATION, " AND (t.state = 1 OR t.state IN (2, 4) AND t.locked_at >= ?4)"
)
DUE_STORES = (
    "SELECT json_group_array(json_array(b, brand_id, poi_id)) FROM (SELECT DISTINCT t.product_shard_id AS b, "  # noqa: S608
    f"t.brand_id, t.poi_id FROM json_each(?1) j CROSS JOIN poi_stock_due t "
    f"WHERE t.product_shard_id = j.value AND t.due_at <= {NOW} LIMIT ?2)"
)

_VERBS = ("SELECT", "WITH", "INSERT", "UPDATE", "DELETE")


def hot(page: Mapping[str, object]) -> dict[str, str]:
    """Every statement of a page by its name, those about rows for some of them."""
    texts = {name: each.text(4) if isinstance(each, Each) else each for name, each in page.items() if name.isupper()}
    return {name: text for name, text in texts.items() if isinstance(text, str) and text.startswith(_VERBS)}


HOT_STATEMENTS = hot(globals())
"""Every statement of this page by its name."""
