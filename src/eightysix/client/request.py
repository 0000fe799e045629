"""What goes over the line and what comes back, as values: nothing here knows who carries them."""

from email.utils import parsedate_to_datetime
from enum import Enum
from typing import NamedTuple


class Request(NamedTuple):
    """One request. `target` is the path with its query, behind the service's address."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes = b""


class Reply(NamedTuple):
    """One answer; names of headers in small letters."""

    status: int
    headers: dict[str, str]
    body: bytes = b""

    @property
    def is_ok(self) -> bool:
        return 200 <= self.status < 300

    def retry_after(self, now: float) -> float | None:
        """The pause in seconds that the answer asks for; `now` in seconds since 1970, for those that name a date."""
        wish = self.headers.get("retry-after", "").strip()
        if not wish:
            return None
        try:
            return max(0.0, float(wish))
        except ValueError:
            pass
        try:
            return max(0.0, parsedate_to_datetime(wish).timestamp() - now)
        except ValueError:
            return None


class Arrived(Enum):
    """How much of a request the other side can have got."""

    NOT_AS_A_WHOLE = "unsent"
    """So nothing was done."""
    PERHAPS = "lost"
    """So it may have been done."""


class Broken(NamedTuple):
    """There was no answer. `stale`: a connection that was kept turned out to be closed."""

    arrived: Arrived
    why: str
    stale: bool = False
