"""Server-sent events out of bytes, however these were cut, as the HTML standard has them."""

from typing import NamedTuple


class ServerEvent(NamedTuple):
    """One event. `last_id` is the newest id that came, with this event or before it."""

    name: str
    data: str
    last_id: str


class EventParser:
    """Is fed bytes and gives the events that are whole. A comment, such as a heartbeat, makes none."""

    def __init__(self) -> None:
        self._rest = b""
        self._data: list[str] = []
        self._name = ""
        self._last_id = ""

    def feed(self, some: bytes) -> list[ServerEvent]:
        """The events that these bytes complete."""
        *lines, self._rest = _lines(self._rest + some)
        found: list[ServerEvent] = []
        for line in lines:
            if line:
                self._field(line.decode("utf-8", errors="replace"))
                continue
            if self._data:
                found.append(ServerEvent(self._name or "message", "\n".join(self._data), self._last_id))
            self._data, self._name = [], ""
        return found

    def _field(self, line: str) -> None:
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "data":
            self._data.append(value)
        elif field == "event":
            self._name = value
        elif field == "id" and "\0" not in value:
            self._last_id = value


def _lines(some: bytes) -> list[bytes]:
    r"""The lines, and last what isn't one yet: a \r at its end may be half of a \r\n."""
    held = b"\r" if some.endswith(b"\r") else b""
    whole = some[: len(some) - len(held)].replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    *lines, rest = whole.split(b"\n")
    return [*lines, rest + held]
