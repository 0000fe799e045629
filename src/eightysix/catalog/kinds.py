"""The kinds of objects that head office sets up: how each is checked, stored and shown. Rules: `restore_rules`."""

from collections.abc import Callable
from decimal import Decimal
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import Table

from eightysix.core.outcome import Code
from eightysix.core.quantity import UNIT
from eightysix.storage import schema
from eightysix.storage.catalog import Row
from eightysix.wire.administration import (
    CATEGORY_LENGTH,
    MAX_COMPONENTS,
    MAX_TAGS,
    NAME_LENGTH,
    BrandBody,
    ChannelBody,
    ComponentBody,
    ItemBody,
    ItemName,
    StoreBody,
)
from eightysix.wire.fields import MAX_HOLD_SECONDS, identifier, integer, object_id, portion, text
from eightysix.wire.problem import Problem, Rejection
from eightysix.wire.stock import object_type


class Kind(msgspec.Struct, frozen=True):
    """One kind of object. `read` makes a checked row of a body, `show` a body of a row.

    `since` names the column, where there is one, that says since when the row is as it is.
    """

    table: Table
    body: type[Any]
    not_found: Code | Problem
    read: Callable[[Any], dict[str, Any]]
    show: Callable[[Row], Any]
    since: str | None = None

    @property
    def key(self) -> tuple[str, ...]:
        """The names of the key's columns."""
        return _key_names(self.table)

    @property
    def name(self) -> str:
        """What the log of administration calls it."""
        return self.table.name

    def key_of(self, row: Row) -> tuple[Any, ...]:
        return tuple(row[name] for name in self.key)

    def name_of(self, row: Row) -> str:
        """What names an object within its brand, as the log of administration has it: `2/1005` for an item."""
        return "/".join(str(part) for part in self.key_of(row)[1:]) or str(row["brand_id"])


@cache
def _key_names(table: Table) -> tuple[str, ...]:
    """Asked several times for each row of a menu."""
    return tuple(column.name for column in table.primary_key)


def _read_brand(body: BrandBody) -> dict[str, Any]:
    return {
        "brand_id": identifier(body.brand_id, "brandId"),
        "name": text(body.name, "name", NAME_LENGTH),
        "status": body.status,
    }


def _read_store(body: StoreBody) -> dict[str, Any]:
    return {
        "brand_id": identifier(body.brand_id, "brandId"),
        "poi_id": identifier(body.poi_id, "poiId"),
        "name": text(body.name, "name", NAME_LENGTH),
        "time_zone": _time_zone(body.time_zone),
        "business_day_start": time_of_day(body.business_day_start, "business_day_start"),
        "guarantees_end": body.guarantees_end and time_of_day(body.guarantees_end, "guarantees_end"),
        "status": body.status,
    }


def _read_channel(body: ChannelBody) -> dict[str, Any]:
    if body.place == "online" and body.oversell != "deny":
        raise Rejection(Problem.VALUE_INVALID, "oversell", why="an online channel always denies")
    return {
        "brand_id": identifier(body.brand_id, "brandId"),
        "channel_code": identifier(body.channel_code, "channel_code"),
        "name": text(body.name, "name", NAME_LENGTH),
        "place": body.place,
        "party": body.party,
        "expires_in": integer(body.expires_in, "expires_in", 1, MAX_HOLD_SECONDS),
        "oversell": body.oversell,
    }


def _read_item(body: ItemBody) -> dict[str, Any]:
    kind = object_type(body.object_type)
    if kind == 1 and (body.spu_id is not None or body.components):
        raise Rejection(Problem.VALUE_INVALID, "object_type", why="an SPU has neither an SPU nor components")
    return {
        "brand_id": identifier(body.brand_id, "brandId"),
        "object_type": kind,
        "object_id": object_id(body.object_id, "object_id"),
        "spu_id": None if body.spu_id is None else object_id(body.spu_id, "spu_id"),
        "name_en": text(body.name.en, "name.en", NAME_LENGTH),
        "name_zh": text(body.name.zh, "name.zh", NAME_LENGTH),
        "category": None if body.category is None else text(body.category, "category", CATEGORY_LENGTH),
        "tags": _tags(body.tags),
        "decimals": integer(body.decimals, "decimals", 0, 3),
        "components": _components(body.components),
    }


def _tags(tags: list[str]) -> list[str]:
    if len(tags) > MAX_TAGS:
        raise Rejection(Problem.TOO_MANY, "tags", most=MAX_TAGS)
    return [text(tag, f"tags[{at}]", CATEGORY_LENGTH) for at, tag in enumerate(tags)]


def _components(components: list[ComponentBody]) -> list[list[int]]:
    if len(components) > MAX_COMPONENTS:
        raise Rejection(Problem.TOO_MANY, "components", most=MAX_COMPONENTS)
    read: dict[int, int] = {}
    for at, part in enumerate(components):
        sku_id = object_id(part.object_id, f"components[{at}].object_id")
        if sku_id in read:
            raise Rejection(Problem.VALUE_INVALID, f"components[{at}].object_id", why="named twice")
        read[sku_id] = portion(part.quantity, f"components[{at}].quantity")
    return [[sku_id, quantity] for sku_id, quantity in read.items()]


def _time_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # unknown; not a name; the name of a folder of zones
        raise Rejection(Problem.VALUE_INVALID, "time_zone", why="not an IANA time zone") from None
    return name


def time_of_day(value: str, field: str) -> str:
    """A local time such as 04:00, checked."""
    hours, colon, minutes = value.partition(":")
    fits = len(hours) == 2 == len(minutes) and hours.isascii() and minutes.isascii() and colon
    if fits and hours.isdigit() and minutes.isdigit() and int(hours) < 24 and int(minutes) < 60:
        return value
    raise Rejection(Problem.VALUE_INVALID, field, why="not a time such as 04:00")


def minute_of_day(value: str) -> int:
    """Minutes after midnight of a checked local time."""
    hours, minutes = value.split(":")
    return int(hours) * 60 + int(minutes)


def _show_item(row: Row) -> ItemBody:
    return ItemBody(
        row["brand_id"],
        row["object_type"],
        row["object_id"],
        ItemName(row["name_en"], row["name_zh"]),
        row["spu_id"],
        row["category"],
        row["tags"],
        row["decimals"],
        [ComponentBody(sku_id, Decimal(quantity) / UNIT) for sku_id, quantity in row["components"]],
    )


BRAND = Kind(
    schema.brand,
    BrandBody,
    Code.BRAND_NOT_FOUND,
    _read_brand,
    lambda row: BrandBody(row["brand_id"], row["name"], row["status"]),
)
STORE = Kind(
    schema.store,
    StoreBody,
    Code.STORE_NOT_FOUND,
    _read_store,
    lambda row: StoreBody(
        row["brand_id"],
        row["poi_id"],
        row["name"],
        row["time_zone"],
        row["business_day_start"],
        row["status"],
        row["guarantees_end"],
    ),
)
CHANNEL = Kind(
    schema.channel,
    ChannelBody,
    Code.CHANNEL_NOT_FOUND,
    _read_channel,
    lambda row: ChannelBody(
        row["brand_id"],
        row["channel_code"],
        row["name"],
        row["place"],
        row["party"],
        row["expires_in"],
        row["oversell"],
    ),
)
ITEM = Kind(schema.item, ItemBody, Code.ITEM_NOT_FOUND, _read_item, _show_item)
