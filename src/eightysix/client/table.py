"""What is safe to send again: of every POST of the service, in one table; the other methods say it themselves.

A test compares it with the service's table of endpoints.
"""

from .call import Safety

_METHODS = {"GET": Safety.READ, "PUT": Safety.STATE, "DELETE": Safety.STATE}

POSTS = {
    # by the order's own keys: order_id with its lines, request_id
    "/api/v1/stock/lock": Safety.KEYED,
    "/api/v1/stock/deduct": Safety.KEYED,
    "/api/v1/stock/unlock": Safety.KEYED,
    "/api/v1/stock/return": Safety.KEYED,
    "/api/v1/stock/amend": Safety.KEYED,
    "/api/v1/stock/batch": Safety.KEYED,
    # by request_id, which the verbs of this client always send
    "/api/v1/poi/stock/update": Safety.KEYED,
    # off sale twice is off sale
    "/api/v1/poi/stock/86": Safety.STATE,
    "/api/v1/poi/stock/guarantees/release": Safety.STATE,
    # by event_id, (device_id, journal_id, seq), a cursor that never goes back
    "/api/v1/poi/stock/sync-from-pos": Safety.KEYED,
    "/api/v1/poi/stock/replay": Safety.KEYED,
    "/api/v1/poi/stock/ack": Safety.KEYED,
    # an incident is resolved once, and says so again
    "/api/v1/incidents/{incident_id}/resolve": Safety.KEYED,
    # by (hub_id, journal_id, seq), by request_id
    "/api/v1/hub/events": Safety.KEYED,
    "/api/v1/poi/stock/grants": Safety.KEYED,
    # another code instead of the one that nobody has seen; what was written off is
    "/api/v1/hubs/code": Safety.STATE,
    "/api/v1/hubs/replace": Safety.STATE,
    # a code works once
    "/api/v1/hubs/pair": Safety.ONCE,
    # questions too long for an address
    "/api/v1/poi/stock/find-to-pos": Safety.READ,
    "/api/v1/poi/stock/log": Safety.READ,
    # what was parked is put back; what was put back isn't parked
    "/api/v1/sync/parked/replay": Safety.STATE,
    "/api/v1/sync/order-events/parked/replay": Safety.STATE,
    "/api/v1/sync/order-events/parked/discard": Safety.STATE,
    # the repair that is asked for leaves nothing to repair
    "/api/v1/poi/stock/reconcile": Safety.STATE,
    # all rows or none, made or replaced
    "/api/v1/items/import": Safety.STATE,
    # rows that add need a request_id, but rows that count or set don't
    "/api/v1/poi/stock/import": Safety.ONCE,
    # a second one is refused (409), or makes another
    "/api/v1/brands": Safety.ONCE,
    "/api/v1/stores": Safety.ONCE,
    "/api/v1/channels": Safety.ONCE,
    "/api/v1/items": Safety.ONCE,
    "/api/v1/restore-rules": Safety.ONCE,
    "/api/v1/keys": Safety.ONCE,
    "/api/v1/keys/rotate": Safety.ONCE,
    "/api/v1/keys/limit": Safety.STATE,
    "/api/v1/webhooks": Safety.ONCE,
    "/api/v1/webhooks/rotate": Safety.ONCE,
    "/api/v1/webhooks/ping": Safety.ONCE,
    # resumed twice is resumed; a state queued twice is sent once
    "/api/v1/webhooks/resume": Safety.STATE,
    "/api/v1/webhooks/replay": Safety.STATE,
}
"""By the endpoint's path."""

BY_REQUEST_ID = ("/api/v1/poi/stock/update",)
"""Where a request_id may be left out; then nothing is KEYED."""


def safety_of(method: str, path: str) -> Safety:
    """Of a call that is spelled out; one that isn't known is never sent again."""
    if method == "POST":
        return POSTS.get(path, Safety.ONCE)
    return _METHODS.get(method, Safety.ONCE)
