"""What is kept for a store's channels and flows back, and what has run low."""

from eightysix.catalog.catalog import Catalog
from eightysix.core.command import ReleaseGuarantees
from eightysix.core.outcome import GuaranteesReleased, Refused
from eightysix.storage.port import Reader
from eightysix.wire.answer import refused_answer
from eightysix.wire.channels import AlertQuery, ReleaseBody, alerts_answer, release_answer
from eightysix.wire.problem import STATUS

from .endpoint import Call
from .orders import Submit
from .reply import Reply, json_reply
from .scope import store_named


class Channels:
    """Answers the calls about a store's channels."""

    def __init__(self, submit: Submit, reader: Reader, catalog: Catalog) -> None:
        self._submit = submit
        self._reader = reader
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

    async def alerts(self, call: Call) -> Reply:
        """GET a page of alerts, newest first."""
        query: AlertQuery = call.query
        store = store_named(call.caller, self._catalog.current, query.brand_id, query.poi_id)
        most = query.most()
        alerts = await self._reader.alerts(store, query.before(), most + 1)
        return json_reply(alerts_answer(alerts, most, call.caller.grant.channel_code))
