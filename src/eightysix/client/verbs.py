"""What a client can do, written once: each verb makes a call, and the client it is asked of sends it.

A verb is a descriptor: on a `Client` it is a function that returns the answer, on an `AsyncClient` a coroutine
function, with the arguments, the types and the docstring of the function that makes the call.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from functools import update_wrapper
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, overload

from . import anything, following, hub, orders, pos, stocks
from . import incidents as broken_promises
from .call import Call
from .series import Series

if TYPE_CHECKING:
    from .async_client import AsyncClient
    from .client import Client

P = ParamSpec("P")
T = TypeVar("T")


class Verb(Generic[P, T]):
    """One call, one answer."""

    def __init__(self, make: Callable[P, Call[T]]) -> None:
        self._make = make
        update_wrapper(self, make)  # type: ignore[arg-type]  # it is called by nobody, only read

    @overload
    def __get__(self, client: None, owner: object = None) -> "Verb[P, T]": ...
    @overload
    def __get__(self, client: "Client", owner: object = None) -> Callable[P, T]: ...
    @overload
    def __get__(self, client: "AsyncClient", owner: object = None) -> Callable[P, Awaitable[T]]: ...
    def __get__(self, client: Any, owner: object = None) -> Any:
        if client is None:
            return self

        def ask(*args: P.args, **kwargs: P.kwargs) -> Any:
            return client.send(self._make(*args, **kwargs))

        return update_wrapper(ask, self._make)


class Course(Generic[P, T]):
    """One thing after the other, as long as somebody iterates."""

    def __init__(self, make: Callable[P, Series[T]]) -> None:
        self._make = make
        update_wrapper(self, make)  # type: ignore[arg-type]  # as above

    @overload
    def __get__(self, client: None, owner: object = None) -> "Course[P, T]": ...
    @overload
    def __get__(self, client: "Client", owner: object = None) -> Callable[P, Iterator[T]]: ...
    @overload
    def __get__(self, client: "AsyncClient", owner: object = None) -> Callable[P, AsyncIterator[T]]: ...
    def __get__(self, client: Any, owner: object = None) -> Any:
        if client is None:
            return self

        def ask(*args: P.args, **kwargs: P.kwargs) -> Any:
            return client.iterate(self._make(*args, **kwargs))

        return update_wrapper(ask, self._make)


class Verbs:
    """Every verb."""

    lock = Verb(orders.lock)
    deduct = Verb(orders.deduct)
    unlock = Verb(orders.unlock)
    return_ = Verb(orders.return_)
    amend = Verb(orders.amend)
    batch = Verb(orders.batch)
    order = Verb(orders.order)
    availability = Verb(stocks.availability)
    set_stock = Verb(stocks.set_stock)
    update = Verb(stocks.update)
    eighty_six = Verb(stocks.eighty_six)
    ack = Verb(pos.ack)
    sync_from_pos = Verb(pos.sync_from_pos)
    replay = Verb(pos.replay)
    reconcile = Verb(pos.reconcile)
    incidents = Course(broken_promises.incidents)
    incident = Verb(broken_promises.incident)
    resolve_incident = Verb(broken_promises.resolve_incident)
    hub_code = Verb(hub.hub_code)
    pair_hub = Verb(hub.pair_hub)
    replace_hub = Verb(hub.replace_hub)
    hubs = Verb(hub.hubs)
    store_copy = Verb(hub.store_copy)
    hub_orders = Course(hub.hub_orders)
    hub_events = Verb(hub.hub_events)
    grants = Verb(hub.grants)
    find_to_pos = Course(pos.find_to_pos)
    stream = Course(following.stream)
    ask = Verb(anything.ask)
    fetch = Verb(anything.fetch)
