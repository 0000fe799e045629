"""A store's state as somebody who follows it has it."""

from collections.abc import Iterable

from eightysix.wire.message import StockState, StoreState

from .news import Found, News, Reset, Told


class Mirror:
    """`rows` by (object_type, object_id). An item that isn't among them has no row: on sale, unlimited.

    `store` is None until the service has told. `cursor`: all that was told up to there is in it.
    """

    def __init__(self, cursor: str | None = None, rows: Iterable[StockState] = ()) -> None:
        self.rows: dict[tuple[int, int], StockState] = {}
        self.store: StoreState | None = None
        self.cursor = cursor
        self.versions: dict[tuple[int, int], int] = {}
        self._store_seq = 0
        self._fresh: Mirror | None = None
        for state in rows:
            self._put(state)

    def take(self, news: News) -> list[StockState]:
        """What is new in it for this mirror: never a stock whose version is below the one that was there.

        After a Reset the state stays as it was until all of the new one has come.
        """
        if isinstance(news, Reset):
            self._fresh = Mirror()
            return []
        if self._fresh is not None and isinstance(news, Found):
            taken = self._fresh.take(news)
            if not news.more:
                fresh, self._fresh = self._fresh, None
                self.rows, self.store, self.cursor = fresh.rows, fresh.store, fresh.cursor
                self.versions, self._store_seq = fresh.versions, 0
            return taken
        if news.store is not None and self._is_newer(news):
            self.store = news.store
        self.cursor = news.cursor or self.cursor
        return [state for state in news.stocks if self._put(state, asked=isinstance(news, Found))]

    def _is_newer(self, news: News) -> bool:
        if not isinstance(news, Told):
            return True
        is_newer = news.message.seq > self._store_seq
        self._store_seq = max(self._store_seq, news.message.seq)
        return is_newer

    def _put(self, state: StockState, *, asked: bool = True) -> bool:
        """Whether it is new. What was `asked` for may be of the version that is there: what stands in the way of a dish
        besides its own row is newer in it."""
        key = (state.object_type, state.object_id)
        known = self.versions.get(key, -1)
        if state.version < known or (state.version == known and not (asked and self.rows.get(key) != state)):
            return False
        self.versions[key] = state.version
        if state.deleted:
            self.rows.pop(key, None)
        else:
            self.rows[key] = state
        return True
