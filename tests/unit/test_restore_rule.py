"""Precedence of restore rules, rule by rule."""

from eightysix.core.calendar import ScheduleEntry
from eightysix.core.key import StockKey
from eightysix.core.restore_rule import NO_RULES, RestoreRule, RuleBook

DAILY = (ScheduleEntry(),)
SOUP = StockKey(2, 7)

EVERYTHING = RestoreRule("b", "everything", DAILY)
STORE = RestoreRule("b", "store", DAILY, poi_id="1")
SOUPS = RestoreRule("b", "soups", DAILY, category="soups")
SOUPS_HERE = RestoreRule("b", "soups here", DAILY, poi_id="1", category="soups")
ITEM = RestoreRule("b", "item", DAILY, item=SOUP)
ITEM_HERE = RestoreRule("b", "item here", DAILY, poi_id="1", item=SOUP)
WEAKEST_FIRST = [EVERYTHING, STORE, SOUPS, SOUPS_HERE, ITEM, ITEM_HERE]


def test_item_beats_category_beats_store_and_here_beats_everywhere() -> None:
    for count in range(1, len(WEAKEST_FIRST) + 1):
        book = RuleBook(WEAKEST_FIRST[:count])
        assert book.governing("1", SOUP, "soups") == WEAKEST_FIRST[count - 1]


def test_a_rule_of_another_store_item_or_category_does_not_count() -> None:
    book = RuleBook([STORE, SOUPS_HERE, ITEM_HERE])
    assert book.governing("2", SOUP, "soups") is None
    assert book.governing("1", StockKey(1, 7), "sweets") == STORE
    assert book.governing("1", StockKey(2, 8), "soups") == SOUPS_HERE
    assert NO_RULES.governing("1", SOUP, None) is None


def test_newer_beats_older_only_within_a_level() -> None:
    old = RestoreRule("b", "old", DAILY, category="soups", since_at=1, version=9)
    new = RestoreRule("b", "new", DAILY, category="soups", since_at=2, version=1)
    late = RestoreRule("b", "late", DAILY, since_at=3)
    assert RuleBook([new, old, late]).governing("1", SOUP, "soups") == new
