"""Restore rules as head office and stores set them up: how a rule is checked, stored, shown and read into memory."""

from decimal import Decimal
from typing import Any

from eightysix.core.calendar import Schedule, ScheduleEntry, overlap
from eightysix.core.key import StockKey
from eightysix.core.outcome import Code
from eightysix.core.quantity import UNIT, is_whole
from eightysix.core.restore_rule import RestoreRule
from eightysix.core.stock import RestoreTo
from eightysix.storage import schema
from eightysix.storage.catalog import Row
from eightysix.wire.administration import CATEGORY_LENGTH
from eightysix.wire.fields import identifier, integer, object_id, quantity, text
from eightysix.wire.problem import Problem, Rejection
from eightysix.wire.restore_rule import MAX_ENTRIES, EntryBody, RestoreRuleBody
from eightysix.wire.stock import RESTORE_TO, object_type

from .kinds import Kind, minute_of_day, time_of_day


def _read(body: RestoreRuleBody) -> dict[str, Any]:
    item = _item(body)
    if item is not None and body.category is not None:
        raise Rejection(Problem.VALUE_INVALID, "category", why="an item or a category, not both")
    entries = [_entry(entry, f"schedule[{at}]", body.restore_to) for at, entry in enumerate(body.schedule)]
    if not entries:
        raise Rejection(Problem.EMPTY, "schedule")
    if len(entries) > MAX_ENTRIES:
        raise Rejection(Problem.TOO_MANY, "schedule", most=MAX_ENTRIES)
    twice = overlap(_schedule(entries))
    if twice is not None:
        raise Rejection(Problem.VALUE_INVALID, f"schedule[{twice}]", why="a time is named twice")
    return {
        "brand_id": identifier(body.brand_id, "brandId"),
        "rule_id": identifier(body.rule_id, "rule_id"),
        "poi_id": None if body.poi_id is None else identifier(body.poi_id, "poiId"),
        "object_type": None if item is None else item.object_type,
        "object_id": None if item is None else item.object_id,
        "category": None if body.category is None else text(body.category, "category", CATEGORY_LENGTH),
        "schedule": entries,
        "restore_to": int(RESTORE_TO[body.restore_to]),
    }


def _item(body: RestoreRuleBody) -> StockKey | None:
    if body.object_id is None:
        if body.object_type is not None:
            raise Rejection(Problem.VALUE_INVALID, "object_type", why="there is no object_id")
        return None
    kind = 2 if body.object_type is None else object_type(body.object_type)
    return StockKey(kind, object_id(body.object_id, "object_id"))


def _entry(body: EntryBody, where: str, restore_to: str) -> dict[str, Any]:
    days = [integer(day, f"{where}.days[{at}]", 1, 7) for at, day in enumerate(body.days)]
    if len(set(days)) != len(days):
        raise Rejection(Problem.VALUE_INVALID, f"{where}.days", why="named twice")
    if body.quantity is not None and restore_to != "plan":
        raise Rejection(Problem.VALUE_INVALID, f"{where}.quantity", why="a quantity goes with restore_to plan only")
    return {
        "days": sorted(days),
        "minute": None if body.at is None else minute_of_day(time_of_day(body.at, f"{where}.at")),
        "quantity": None if body.quantity is None else quantity(body.quantity, f"{where}.quantity"),
    }


def _show(row: Row) -> RestoreRuleBody:
    return RestoreRuleBody(
        row["brand_id"],
        row["rule_id"],
        [_show_entry(entry) for entry in row["schedule"]],
        RestoreTo(row["restore_to"]).name.lower(),  # type: ignore[arg-type]  # one of the names, by construction
        row["poi_id"],
        row["object_type"],
        row["object_id"],
        row["category"],
    )


def _show_entry(entry: dict[str, Any]) -> EntryBody:
    minute, amount = entry["minute"], entry["quantity"]
    at = None if minute is None else f"{minute // 60:02}:{minute % 60:02}"
    return EntryBody(entry["days"], at, None if amount is None else Decimal(amount) / UNIT)


RULE = Kind(schema.restore_rule, RestoreRuleBody, Code.RULE_NOT_FOUND, _read, _show, since="since_at")


def rule_of(row: Row) -> RestoreRule:
    """A stored rule as the core knows it."""
    item = None if row["object_id"] is None else StockKey(row["object_type"], row["object_id"])
    return RestoreRule(
        row["brand_id"],
        row["rule_id"],
        _schedule(row["schedule"]),
        row["restore_to"],
        row["poi_id"],
        item,
        row["category"],
        row["since_at"],
        row["catalog_version"],
    )


def _schedule(entries: list[dict[str, Any]]) -> Schedule:
    return tuple(ScheduleEntry(tuple(entry["days"]), entry["minute"], entry["quantity"]) for entry in entries)


def refuse_too_fine(row: Row, item: Row, where: str) -> None:
    """Quantities of an item's rule are whole numbers of its unit."""
    for at, entry in enumerate(row["schedule"]):
        if entry["quantity"] is not None and not is_whole(entry["quantity"], item["decimals"]):
            raise Rejection(Code.QUANTITY_TOO_FINE, f"schedule[{at}].quantity").inside(where)
