"""What the demo's kitchen can cook: the menu file and, beside it, portions and appetite."""

import csv
from collections.abc import Mapping
from importlib.resources import files
from typing import NamedTuple

_HERE = files(__package__ or __name__)


class DemoDish(NamedTuple):
    """A stock of the demo. `portions` None: unlimited. `appetite` weighs how often guests choose it; 0 for an SPU."""

    object_type: int
    object_id: int
    name_en: str
    name_zh: str
    portions: int | None
    appetite: int


def menu_file() -> bytes:
    """The menu as `import-menu` takes it."""
    return _HERE.joinpath("menu.csv").read_bytes()


def demo_dishes() -> list[DemoDish]:
    """Every stock of the demo, with its names from the menu."""
    names: dict[tuple[int, int], Mapping[str, str]] = {}
    for row in csv.DictReader(menu_file().decode().splitlines()):
        key = (2, int(row["sku_id"])) if row["sku_id"] else (1, int(row["spu_id"]))
        names[key] = row
    stock = csv.DictReader(_HERE.joinpath("stock.csv").read_text("utf-8").splitlines())
    dishes = []
    for row in stock:
        object_type, object_id = key = int(row["object_type"]), int(row["object_id"])
        name = names[key]
        portions = int(row["portions"]) if row["portions"] else None
        appetite = int(row["appetite"] or 0)
        dishes.append(DemoDish(object_type, object_id, name["name_en"], name["name_zh"], portions, appetite))
    return dishes
