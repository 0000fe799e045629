"""What is kept for a store's channels and flows back."""

from eightysix.catalog.catalog import Catalog
from eightysix.core.command import ReleaseGuarantees
from eightysix.core.key import StoreKey
from eightysix.core.outcome import Code, GuaranteesReleased, Refused
from eightysix.wire.answer import refused_answer
from eightysix.wire.channels import ReleaseBody, release_answer
from eightysix.wire.fields import identifier
from eightysix.wire.problem import STATUS, Rejection

from .endpoint import Call
from .orders import Submit
from .reply import Reply, json_reply


class Channels:
    """Answers the calls about a store's channels."""

    def __init__(self, submit: Submit, catalog: Catalog) -> None:
        self._submit = submit
        self._catalog = catalog

    async def release(self, call: Call) -> Reply:
        """POST: open guarantees flow back."""
        body: ReleaseBody = call.body
        self._store(call, body.brand_id, body.poi_id)
        outcome = await self._submit(body.command(call.caller.actor))
        if isinstance(outcome, GuaranteesReleased):
            return json_reply(release_answer(outcome))
        if isinstance(outcome, Refused):
            return json_reply(refused_answer(outcome, call.language), STATUS[outcome.code])
        raise TypeError(f"{ReleaseGuarantees.__name__} came to {type(outcome).__name__}")

    def _store(self, call: Call, brand_id: str, poi_id: str) -> StoreKey:
        """The store, if it exists and is the caller's."""
        identifier(brand_id, "brandId")
        identifier(poi_id, "poiId")
        call.caller.reach(brand_id, poi_id)
        catalogue = self._catalog.current
        if catalogue.brand(brand_id) is None:
            raise Rejection(Code.BRAND_NOT_FOUND, "brandId")
        if catalogue.store(brand_id, poi_id) is None:
            raise Rejection(Code.STORE_NOT_FOUND, "poiId")
        return StoreKey.of(brand_id, poi_id)
