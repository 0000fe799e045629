"""Order verbs at the hub, with an engine, a cloud and a line of the test's own: where each goes."""

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from eightysix.api.auth import ALLOWED, Caller
from eightysix.api.orders import VERBS, Asked, Decided
from eightysix.catalog.snapshot import KeyGrant
from eightysix.client import Refused as RefusedThere
from eightysix.client import Unauthorised, Unavailable
from eightysix.client.call import Call
from eightysix.client.request import Reply
from eightysix.core.command import Actor, Command, TellVerb
from eightysix.core.key import StockKey, sku_key
from eightysix.core.outcome import BlockedBy, BooksKept, Code, LineRefusal, OrderDone, Outcome, Refused
from eightysix.core.reservation import State
from eightysix.core.stock import LIMITED, Stock
from eightysix.hub.cloud_orders import CloudOrders
from eightysix.hub.counter import Counter
from eightysix.wire.answer import ErrorAnswer, HeldLineAnswer, HeldOrderAnswer, JournaledAnswer, OrderAnswer
from eightysix.wire.language import Language
from eightysix.wire.problem import Problem, Rejection
from tests.world.menu import STORE, Menu

SOUP = sku_key(101)
NOT_FOUND = Refused(Code.ORDER_NOT_FOUND)


class Hub:
    """All that a counter needs. `outcomes` are what the engine comes to, one after the other; the last one stays."""

    def __init__(self, *outcomes: Outcome) -> None:
        self.outcomes = list(outcomes)
        self.submitted: list[Command] = []
        self.asked: list[Call[Any]] = []
        self.borrowed: list[tuple[StockKey, int]] = []
        self.is_online = True
        self.settles = True
        self.answers: Callable[[Call[Any]], Any] = lambda _: Reply(200, {}, b'{"from":"the cloud"}')
        self.held: list[object] = []
        self.stock = Stock(SOUP, type=LIMITED, real=9_000, grant=5_000)
        self.orders = CloudOrders()
        self.current = Menu()
        self.counter = Counter(
            self.submit,
            self,
            lambda *_: self,
            catalog=self,
            reader=self,
            orders=self.orders,  # type: ignore[arg-type]
        )

    def submit(self, command: Command) -> "asyncio.Future[Outcome]":
        self.submitted.append(command)
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        future.set_result(self.outcomes.pop(0) if len(self.outcomes) > 1 else self.outcomes[0])
        return future

    async def borrow(self, short: list[tuple[StockKey, int]], seconds: float) -> bool:
        self.borrowed += short
        assert 0 < seconds <= 0.3
        return self.settles

    async def send(self, call: Call[Any]) -> Any:
        self.asked.append(call)
        answer = self.answers(call)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def store_rows(self, *_: object) -> Any:
        return SimpleNamespace(stocks=(self.stock,))

    async def order(self, *_: object) -> tuple[int, list[object], None]:
        return 0, self.held, None

    async def ask(self, name: str, *, channel: str | None = None, **fields: Any) -> Decided:
        """A verb as the API has read it."""
        body = msgspec.convert({"brandId": STORE.brand_id, "poiId": STORE.poi_id, **fields}, VERBS[name], strict=False)
        actor = Actor("k", channel_code=channel)
        caller = Caller(KeyGrant("k", "store", STORE.brand_id, None, channel), actor, ALLOWED["store"])
        return await self.counter(Asked(name, body, body.command(actor), caller, b"Bearer e86_k", Language.ENGLISH))

    def knows(self, order_id: str) -> None:
        """The cloud has told of a live order of its own."""
        line = HeldLineAnswer(101, 0, "ONLINE_ORDER", 2, 2, 0, 0, "LOCKED", "2026-11-23T12:00:00.000Z", None)
        self.orders.replace([HeldOrderAnswer(order_id, "LOCKED", None, None, [line])])


def done(state: State = State.LOCKED) -> OrderDone:
    return OrderDone("o1", state, ())


def short(available: int = 4_000, by: BlockedBy = BlockedBy.QUANTITY) -> Refused:
    return Refused(Code.OUT_OF_STOCK, (LineRefusal(101, 0, Code.OUT_OF_STOCK, 6_000, available, by, SOUP),))


def refusal(code: str, status: int = 404) -> RefusedThere:
    return RefusedThere(status, ErrorAnswer(code, "no", retryable=False))


LOCK = {"order_id": "o1", "channel_code": "POS", "lines": [{"sku_id": 101, "quantity": 6}]}


async def test_a_lock_in_the_store_is_decided_here() -> None:
    hub = Hub(done())
    status, answer = await hub.ask("lock", **LOCK)
    assert (status, type(answer)) == (200, OrderAnswer)
    assert not hub.asked
    assert not hub.borrowed


async def test_what_is_lacking_is_borrowed_and_decided_again() -> None:
    hub = Hub(short(), done())
    status, _ = await hub.ask("lock", **LOCK)
    assert status == 200
    assert hub.borrowed == [(SOUP, 2_000)]
    assert len(hub.submitted) == 2


async def test_where_nothing_comes_it_is_refused() -> None:
    hub = Hub(short())
    hub.settles = False
    status, answer = await hub.ask("lock", **LOCK)
    assert status == 409
    assert isinstance(answer, ErrorAnswer)
    assert len(hub.submitted) == 1


@pytest.mark.parametrize("why", ["offline", "the cloud has none", "the channel's cap"])
async def test_nothing_is_borrowed_in_vain(why: str) -> None:
    hub = Hub(short(by=BlockedBy.CHANNEL_QUANTITY) if why == "the channel's cap" else short())
    hub.is_online = why != "offline"
    if why == "the channel's cap":
        hub.outcomes = [Refused(Code.OUT_OF_STOCK, (LineRefusal(101, 0, Code.OUT_OF_STOCK, 6_000, 4_000),))]
    if why == "the cloud has none":
        hub.stock = Stock(SOUP, type=LIMITED, real=4_000)
    assert (await hub.ask("lock", **LOCK))[0] == 409
    assert not hub.borrowed


async def test_a_lock_of_an_online_channel_is_the_clouds() -> None:
    hub = Hub(done())
    status, answer = await hub.ask("lock", **LOCK | {"channel_code": "ONLINE_ORDER"})
    assert (status, answer) == (200, msgspec.Raw(b'{"from":"the cloud"}'))
    assert not hub.submitted
    (call,) = hub.asked
    assert call.path == "/api/v1/stock/lock"
    assert msgspec.json.decode(call.body)["lines"] == [{"sku_id": 101, "quantity": 6, "line_no": 0}]
    hub.is_online = False
    with pytest.raises(Rejection) as refused:
        await hub.ask("lock", **LOCK | {"channel_code": "ONLINE_ORDER"})
    assert refused.value.code is Problem.CLOUD_AWAY


async def test_a_verb_on_an_order_that_is_not_here_is_forwarded() -> None:
    hub = Hub(NOT_FOUND)
    assert await hub.ask("deduct", order_id="web") == (200, msgspec.Raw(b'{"from":"the cloud"}'))
    hub.answers = lambda _: refusal("LOCK_EXPIRED", 409)
    status, answer = await hub.ask("deduct", order_id="web")
    assert (status, getattr(answer, "code", None)) == (409, "LOCK_EXPIRED")
    hub.answers = lambda _: refusal("ORDER_NOT_FOUND")
    status, answer = await hub.ask("deduct", order_id="web")
    assert (status, getattr(answer, "code", None)) == (404, "ORDER_NOT_FOUND")


async def test_cut_off_a_known_order_is_journaled_once() -> None:
    hub = Hub(NOT_FOUND, BooksKept(), NOT_FOUND)
    hub.is_online = False
    hub.knows("web")
    status, answer = await hub.ask("deduct", order_id="web")
    assert status == 200
    assert isinstance(answer, JournaledAnswer)
    assert (answer.state, answer.journaled, answer.replayed) == ("DEDUCTED", True, False)
    assert [line.sku_id for line in answer.lines] == [101]
    _, again = await hub.ask("deduct", order_id="web")
    assert isinstance(again, JournaledAnswer)
    assert again.replayed
    assert [type(each) for each in hub.submitted].count(TellVerb) == 1
    with pytest.raises(Rejection):
        await hub.ask("return", order_id="web", request_id="r")
    assert (await hub.ask("deduct", order_id="another"))[0] == 404


async def test_cut_off_what_was_paid_is_not_cancelled_too() -> None:
    """The cloud hears of the payment first, and then refuses the cancel that the till was told of."""
    hub = Hub(NOT_FOUND, BooksKept())
    hub.is_online = False
    hub.knows("web")
    assert (await hub.ask("deduct", order_id="web"))[0] == 200
    status, answer = await hub.ask("unlock", order_id="web")
    assert (status, getattr(answer, "code", None)) == (409, "ALREADY_DEDUCTED")
    assert [type(each) for each in hub.submitted].count(TellVerb) == 1


async def test_where_the_line_breaks_in_the_middle_it_is_journaled() -> None:
    hub = Hub(NOT_FOUND, BooksKept())
    hub.knows("web")
    hub.answers = lambda _: Unavailable("cut")
    _, answer = await hub.ask("deduct", order_id="web")
    assert isinstance(answer, JournaledAnswer)
    hub.outcomes = [NOT_FOUND]
    with pytest.raises(Rejection) as refused:  # nobody knows whether there is such an order
        await hub.ask("deduct", order_id="another")
    assert refused.value.code is Problem.CLOUD_AWAY


async def test_a_key_that_the_cloud_knows_no_more_opens_nothing_there() -> None:
    hub = Hub(NOT_FOUND)
    hub.knows("web")
    hub.answers = lambda _: Unauthorised("who?")
    with pytest.raises(Rejection) as refused:
        await hub.ask("deduct", order_id="web")
    assert refused.value.code is Problem.UNAUTHENTICATED


async def test_an_unlock_of_an_order_that_nobody_knows_closes_it_here_alone() -> None:
    hub = Hub(done(State.UNLOCKED))
    hub.answers = lambda _: refusal("ORDER_NOT_FOUND")
    assert (await hub.ask("unlock", order_id="late"))[0] == 200
    assert [call.method for call in hub.asked] == ["GET"]
    assert len(hub.submitted) == 1


async def test_an_unlock_of_an_order_of_the_clouds_is_forwarded() -> None:
    hub = Hub(done(State.UNLOCKED))
    assert await hub.ask("unlock", order_id="web") == (200, msgspec.Raw(b'{"from":"the cloud"}'))
    assert [call.method for call in hub.asked] == ["GET", "POST"]
    assert not hub.submitted


async def test_an_unlock_of_an_order_that_is_here_asks_nobody() -> None:
    hub = Hub(done(State.UNLOCKED))
    hub.held = [object()]
    assert (await hub.ask("unlock", order_id="pos"))[0] == 200
    assert not hub.asked


async def test_cut_off_a_key_of_one_channel_reaches_its_own_orders() -> None:
    hub = Hub(NOT_FOUND, BooksKept(), NOT_FOUND)
    hub.is_online = False
    hub.knows("web")
    assert isinstance((await hub.ask("deduct", channel="ONLINE_ORDER", order_id="web"))[1], JournaledAnswer)
    assert (await hub.ask("deduct", channel="POS", order_id="web"))[0] == 404
