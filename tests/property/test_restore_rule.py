"""Which rule governs a stock: the index against sorting all rules that apply."""

from hypothesis import given
from hypothesis import strategies as st

from eightysix.core.calendar import ScheduleEntry
from eightysix.core.key import StockKey
from eightysix.core.restore_rule import RestoreRule, RuleBook

POIS = st.one_of(st.none(), st.sampled_from(["1", "2", "3"]))
ITEMS = [StockKey(2, 1), StockKey(2, 2), StockKey(1, 1)]
TARGETS = st.one_of(
    st.just((None, None)),
    st.sampled_from([(item, None) for item in ITEMS]),
    st.sampled_from([(None, "soups"), (None, "sweets")]),
)


@st.composite
def rules(draw: st.DrawFn) -> list[RestoreRule]:
    made = []
    for number in range(draw(st.integers(0, 12))):
        item, category = draw(TARGETS)
        quantity = draw(st.sampled_from([None, 5000]))
        since_at, version = draw(st.integers(0, 3)), draw(st.integers(0, 2))
        schedule = (ScheduleEntry((), None, quantity),)
        made.append(
            RestoreRule("b", str(number), schedule, 1, draw(POIS), item, category, since_at=since_at, version=version)
        )
    return draw(st.permutations(made))


def naive(all_rules: list[RestoreRule], poi_id: str, key: StockKey, category: str | None) -> RestoreRule | None:
    """Everything that applies, strongest last."""
    applying = [
        rule
        for rule in all_rules
        if rule.poi_id in {None, poi_id}
        and (rule.item is None or rule.item == key)
        and (rule.category is None or rule.category == category)
    ]
    applying.sort(
        key=lambda rule: (
            2 if rule.item is not None else 1 if rule.category is not None else 0,
            rule.poi_id is not None,
            rule.since_at,
            rule.version,
            rule.rule_id,
        )
    )
    return applying[-1] if applying else None


@given(rules(), st.sampled_from(["1", "2", "4"]), st.sampled_from(ITEMS), st.sampled_from([None, "soups", "sweets"]))
def test_the_index_finds_the_strongest(
    made: list[RestoreRule], poi_id: str, key: StockKey, category: str | None
) -> None:
    book = RuleBook(made)
    assert book.governing(poi_id, key, category) == naive(made, poi_id, key, category)
    assert bool(book) == bool(made)
    assert book.names_categories == any(rule.category is not None for rule in made)


@given(rules(), st.sampled_from(["1", "4"]))
def test_supplied_are_the_items_whose_own_rule_names_a_quantity(made: list[RestoreRule], poi_id: str) -> None:
    supplied = set(RuleBook(made).supplied(poi_id))
    for key in ITEMS:
        rule = naive(made, poi_id, key, None)
        if rule is not None and rule.item is not None and rule.names_quantity:
            assert key in supplied
        if key in supplied:
            assert any(each.item == key and each.names_quantity for each in made)
