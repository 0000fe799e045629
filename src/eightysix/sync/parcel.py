"""What a relay has in hand for one store between the database and the bus."""

import msgspec

from eightysix.core.key import StoreKey

from .rendering import Rendered


class Parcel(msgspec.Struct, gc=False):
    """One store's messages, in order."""

    store: StoreKey
    messages: list[Rendered]
    has_more: bool
    probes: bool
    """Whether it is to be tried although the bus is down."""
