"""Names to SKUs: one dish has one number, however its name is written."""

import unicodedata
from collections import Counter
from collections.abc import Iterable

import msgspec


class Dish(msgspec.Struct, frozen=True):
    """A dish as it will be set up."""

    sku_id: int
    name: str


def name_key(name: str) -> str:
    """What two spellings of one name have in common: width, case and spaces don't count."""
    return squeezed(unicodedata.normalize("NFKC", name)).casefold()


def squeezed(name: str) -> str:
    """The name with single spaces and none at its ends."""
    return " ".join(name.split())


class NameBook:
    """Collects spellings and settles one for each dish: the menu's if it has the dish, else the most frequent."""

    def __init__(self, menu_names: Iterable[str] = ()) -> None:
        self._from_menu = {name_key(name): squeezed(name) for name in menu_names if name.strip()}
        self._seen: dict[str, Counter[str]] = {key: Counter() for key in self._from_menu}
        self._settled: dict[str, str] = {}

    def see(self, name: str) -> None:
        """Count one more use of a spelling."""
        self._seen.setdefault(name_key(name), Counter())[squeezed(name)] += 1
        self._settled.clear()

    def settled(self, name: str) -> str:
        """The name under which this spelling's dish goes. It must have been seen."""
        key = name_key(name)
        if key not in self._settled:
            spellings = self._seen[key]
            frequent = min(spellings, key=lambda spelling: (-spellings[spelling], spelling), default="")
            self._settled[key] = self._from_menu.get(key) or frequent
        return self._settled[key]

    @property
    def sold(self) -> int:
        """How many dishes were seen in a history."""
        return sum(1 for spellings in self._seen.values() if spellings)

    @property
    def not_on_menu(self) -> int:
        """How many dishes were sold that no menu file names."""
        return sum(1 for key in self._seen if key not in self._from_menu)

    def dishes(self) -> dict[str, Dish]:
        """Every dish by its key. Numbers follow the alphabet, so the same input gives the same SKUs."""
        keys = sorted(self._seen)
        return {key: Dish(at, self.settled(self._from_menu.get(key) or key)) for at, key in enumerate(keys, 1)}
