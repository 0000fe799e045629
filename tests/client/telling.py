"""What a service tells of a store, made up: messages, pages, events."""

from typing import Any

import msgspec

from eightysix.client.request import Reply
from eightysix.wire.answer import ENCODER
from eightysix.wire.cursor import Cursor, cursor_text
from eightysix.wire.message import StockMessage, StockState, StoreMessage, StoreState, encode_message

STORE = ("fox", "s1")


def cursor(seq: int, generation: int = 1) -> str:
    return cursor_text(Cursor(generation, seq))


def state(object_id: int, version: int, *, deleted: bool = False) -> StockState:
    return StockState(
        object_type=2, object_id=object_id, stock_status=1, stock_type=2, manual=False, plan_quantity=9,
        real_quantity=version, locked_quantity=0, grant_quantity=0, oversold_quantity=0, version=version,
        settings_version=1, updated_at=None, auto_restore_type=0, auto_restore_at=None, restore_to="plan",
        allocation="none", low_quantity=None, is_low=False, channel_stocks=[], available=version, deleted=deleted,
        channels=[],
    )  # fmt: skip


def open_state(*, is_open: bool = True) -> StoreState:
    return StoreState(is_open, True, is_open, "UTC", False)


def changed(object_id: int, seq: int, prev_seq: int) -> StockMessage:
    return StockMessage(
        brand_id="fox", poi_id="s1", seq=seq, prev_seq=prev_seq, committed_at="x", data=state(object_id, seq)
    )


def closed(seq: int, prev_seq: int) -> StoreMessage:
    return StoreMessage(
        brand_id="fox", poi_id="s1", seq=seq, prev_seq=prev_seq, committed_at="x", data=open_state(is_open=False)
    )


def event(message: StockMessage | StoreMessage, *, generation: int = 1) -> bytes:
    name = "poi.item.stock" if isinstance(message, StockMessage) else "poi.store"
    return sent(name, encode_message(message).decode(), cursor(message.seq, generation))


def sent(name: str, data: str, last_id: str | None = None) -> bytes:
    return (f"id: {last_id}\n" if last_id else "").encode() + f"event: {name}\ndata: {data}\n\n".encode()


def ready(seq: int) -> bytes:
    return sent("ready", f'{{"cursor":"{cursor(seq)}"}}')


def page(seq: int, *states: StockState, more: bool = False, generation: int = 1, **fields: Any) -> Reply:
    body = {"cursor": cursor(seq, generation), "has_more": more, "data": states, "store": open_state(), "reset": False}
    body |= fields
    return Reply(200, {}, ENCODER.encode(body))


def refusal(status: int, code: str) -> Reply:
    return Reply(status, {}, msgspec.json.encode({"code": code, "message": "m", "retryable": status == 503}))
