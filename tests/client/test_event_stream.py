"""Server-sent events, however the bytes were cut."""

from hypothesis import given
from hypothesis import strategies as st

from eightysix.client.event_stream import EventParser, ServerEvent

STREAM = (
    ": hello\n\nid: a\nevent: ready\ndata: {}\n\n:\n\r\nid: b\r\nevent: poi.item.stock\r\ndata: 1\r\n"
    "data:  2 粥\r\n\r\n"
    "data\rid:c\rretry: 5\r\revent: nothing\n\ndata: no id of its own\n\n: \n\ndata: never ended\n"
).encode()
EVENTS = [
    ServerEvent("ready", "{}", "a"),
    ServerEvent("poi.item.stock", "1\n 2 粥", "b"),
    ServerEvent("message", "", "c"),
    ServerEvent("message", "no id of its own", "c"),
]


def test_in_one_piece() -> None:
    assert EventParser().feed(STREAM) == EVENTS


@given(st.lists(st.integers(0, len(STREAM))))
def test_in_any_pieces(cuts: list[int]) -> None:
    parser, found, at = EventParser(), [], 0
    for cut in [*sorted(cuts), len(STREAM)]:
        found += parser.feed(STREAM[at:cut])
        at = cut
    assert found == EVENTS
