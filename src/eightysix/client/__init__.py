"""The Python client: typed, for threads (`Client`) and for asyncio (`AsyncClient`). docs/CLIENT.md shows it at work.

    with Client("http://127.0.0.1:8686", key) as client:
        client.lock(Store("golden-wok", "soho"), "order-1", "POS", {1001: 2})

What it may send again it sends again, by the same keys, until it has an answer or its time is up: see `policy` for when
and `table` for what. Every error is a `ClientError`; the tree stands in `error`.
"""

from .async_client import AsyncClient
from .call import Call, Safety
from .client import Client
from .error import AWAY, ClientError, Failed, OutcomeUnknown, RateLimited, Refused, Unauthorised, Unavailable
from .follower import AsyncFollower, Follower
from .following import Pace
from .news import Found, News, Ready, Recalled, Reset, Told
from .policy import Policy, Trouble
from .pos import device_row
from .request import Reply
from .result import Result, StockResult
from .setup import Attempt
from .wording import Store, new_request_id

__all__ = [
    "AWAY",
    "AsyncClient",
    "AsyncFollower",
    "Attempt",
    "Call",
    "Client",
    "ClientError",
    "Failed",
    "Follower",
    "Found",
    "News",
    "OutcomeUnknown",
    "Pace",
    "Policy",
    "RateLimited",
    "Ready",
    "Recalled",
    "Refused",
    "Reply",
    "Reset",
    "Result",
    "Safety",
    "StockResult",
    "Store",
    "Told",
    "Trouble",
    "Unauthorised",
    "Unavailable",
    "device_row",
    "new_request_id",
]
