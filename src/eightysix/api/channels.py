"""What is kept for a store's channels and flows back."""

from eightysix.catalog.catalog import Catalog
from eightysix.core.command import ReleaseGuarantees
from eightysix.core.outcome import GuaranteesReleased, Refused
from eightysix.wire.answer import refused_answer
from eightysix.wire.channels import ReleaseBody, release_answer
from eightysix.wire.problem import STATUS

from .endpoint import Call
from .orders import Submit
from .reply import Reply, json_reply
from .scope import store_named


class Channels:
    """Answers the calls about a store's channels."""

    def __init__(self, submit: Submit, catalog: Catalog) -> None:
        self._submit = submit
        self._catalog = catalog

    async def release(self, call: Call) -> Reply:
        """POST: open guarantees flow back."""
        body: ReleaseBody = call.body
        store_named(call.caller, self._catalog.current, body.brand_id, body.poi_id)
        outcome = await self._submit(body.command(call.caller.actor))
        if isinstance(outcome, GuaranteesReleased):
            return json_reply(release_answer(outcome))
        if isinstance(outcome, Refused):
            return json_reply(refused_answer(outcome, call.language), STATUS[outcome.code])
        raise TypeError(f"{ReleaseGuarantees.__name__} came to {type(outcome).__name__}")
