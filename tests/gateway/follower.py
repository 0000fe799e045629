"""What a POS does with what it is told: the newest state of each stock, and whether the chain ever had a gap."""

from typing import Any

from .receiver import Event


class Follower:
    """Applies rows and events as DESIGN section 6 says."""

    def __init__(self) -> None:
        self.rows: dict[tuple[int, int], Any] = {}
        self.place = 0
        self.gaps: list[tuple[int, int]] = []
        self.store: Any = None
        self.messages = 0
        self.resets = 0

    def apply(self, event: Event, place: int | None = None) -> None:
        """One event; `place` is where a stream without a cursor begins."""
        if event.event == "reset":
            self.rows, self.place = {}, 0
            self.resets += 1
        elif event.event in {"poi.item.stock", "poi.store"}:
            self.messages += 1
            told = event.data
            if told["prev_seq"] > self.place:
                self.gaps.append((self.place, told["prev_seq"]))
            self.place = max(self.place, told["seq"])
            if event.event == "poi.store":
                self.store = told["data"]
            else:
                self.row(told["data"])
        elif place is not None:
            self.place = place

    def row(self, row: Any) -> None:
        """A row; one that isn't newer than what is known is ignored."""
        key = (row["object_type"], row["object_id"])
        if key not in self.rows or row["version"] > self.rows[key]["version"]:
            self.rows[key] = row
