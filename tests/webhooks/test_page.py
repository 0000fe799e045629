"""The receiver that docs/WEBHOOKS.md shows takes what is really sent."""

import re
from pathlib import Path
from typing import Any

import pytest
import standardwebhooks

from tests.webhooks.receiver import Receiver
from tests.webhooks.station import RICE, Station, until

PAGE = Path(__file__).parents[2] / "docs/WEBHOOKS.md"


async def test_the_receiver_on_the_page_works(
    station: Station, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    (block,) = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    monkeypatch.setenv("WEBHOOK_SECRET", await station.hook(receiver.url, channel_code="MEAL"))
    shown: dict[str, Any] = {}
    exec(compile(block, str(PAGE), "exec"), shown)
    for real in (5, 6):
        await station.set(real)
        await until(lambda real=real: any(each.event["data"]["available"] == real for each in receiver.received))
    first, second = receiver.received
    taken = shown["receive"](second.headers, second.body)
    assert (taken["data"]["object_id"], taken["data"]["available"]) == (RICE, 6)
    assert shown["receive"](second.headers, second.body) is None
    assert shown["receive"](first.headers, first.body) is None, "it was overtaken"
    with pytest.raises(standardwebhooks.WebhookVerificationError):
        shown["receive"](first.headers, first.body.replace(b"5", b"9"))
    await station.webhooks.ping(station.webhook())
    assert shown["receive"](receiver.received[-1].headers, receiver.received[-1].body)["type"] == "webhook.ping"
