"""Restore rules: who says when a stock comes back, and which of several rules governs it (DESIGN section 8)."""

from collections.abc import Iterable, Iterator

import msgspec

from .calendar import Schedule
from .key import StockKey
from .stock import RestoreTo


class RestoreRule(msgspec.Struct, frozen=True, gc=False):
    """When something comes back, and to what. Without item and category it is about everything in a store.

    `poi_id` None: all stores of the brand. `since_at` in milliseconds: what came round before it is not this rule's.
    `version` is the catalogue's of its last change.
    """

    brand_id: str
    rule_id: str
    schedule: Schedule
    restore_to: int = RestoreTo.PLAN
    poi_id: str | None = None
    item: StockKey | None = None
    category: str | None = None
    since_at: int = 0
    version: int = 0

    @property
    def names_quantity(self) -> bool:
        """Whether it says for some time how much there is to be."""
        return any(entry.quantity is not None for entry in self.schedule)


_Scope = tuple[str | None, StockKey | None, str | None]


class RuleBook:
    """All rules of a brand. Which one governs a stock is looked up, not searched for.

    Item beats category beats store; within a level, a rule that names the store beats one for all stores; then the one
    that was changed last.
    """

    __slots__ = ("_by_scope", "_items_of", "names_categories")

    def __init__(self, rules: Iterable[RestoreRule] = ()) -> None:
        self._by_scope: dict[_Scope, RestoreRule] = {}
        for rule in rules:
            scope = (rule.poi_id, rule.item, rule.category)
            other = self._by_scope.get(scope)
            if other is None or _age(other) < _age(rule):
                self._by_scope[scope] = rule
        self.names_categories: bool = any(category is not None for _, _, category in self._by_scope)
        self._items_of: dict[str | None, list[StockKey]] = {}
        for (poi_id, item, _), rule in self._by_scope.items():
            if item is not None and rule.names_quantity:
                self._items_of.setdefault(poi_id, []).append(item)

    def __bool__(self) -> bool:
        return bool(self._by_scope)

    def governing(self, poi_id: str, key: StockKey, category: str | None) -> RestoreRule | None:
        """The rule that says when this stock of this store comes back, or None."""
        find = self._by_scope.get
        rule = find((poi_id, key, None)) or find((None, key, None))
        if rule is None and category is not None:
            rule = find((poi_id, None, category)) or find((None, None, category))
        return rule or find((poi_id, None, None)) or find((None, None, None))

    def supplied(self, poi_id: str) -> Iterator[StockKey]:
        """The items for which a rule of their own says how much there is to be in this store: such a rule makes the
        stock's row where there is none."""
        yield from self._items_of.get(None, ())
        yield from self._items_of.get(poi_id, ())


def _age(rule: RestoreRule) -> tuple[int, int, str]:
    return rule.since_at, rule.version, rule.rule_id


NO_RULES = RuleBook()
