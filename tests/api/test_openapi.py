"""The document tells of every endpoint and every status that it may answer."""

import re

from eightysix.api.auth import Action

from .shop import Shop


async def test_the_document_is_complete(shop: Shop) -> None:
    document = (await shop.call("GET", "/openapi.json")).json()
    operations = [each for path in document["paths"].values() for each in path.values()]
    assert len({each["operationId"] for each in operations}) == len(operations)
    assert {each["x-action"] for each in operations if "x-action" in each} == set(Action)
    for each in operations:
        assert each["x-summary-zh"]
        assert {"500", "503"} <= set(each["responses"])
        if "security" in each:
            assert {"401", "403", "404", "422", "429"} <= set(each["responses"])
        if "requestBody" in each:
            assert {"400", "413"} <= set(each["responses"])
    known = set(document["components"]["schemas"])
    for name in re.findall(r'"#/components/schemas/([^"]+)"', str(document).replace("'", '"')):
        assert name in known
    quantity = document["components"]["schemas"]["LockLine"]["properties"]["quantity"]
    assert quantity["anyOf"][0] == {"type": "number"}


async def test_the_page_shows_it_in_both_languages_and_needs_no_other_host(shop: Shop) -> None:
    english = await shop.call("GET", "/docs", headers={"accept-language": "en"})
    chinese = await shop.call("GET", "/docs", headers={"accept-language": "zh-CN"})
    assert "Hold portions" in english.text
    assert "锁定库存" in chinese.text
    assert "http://" not in english.text
    assert "https://" not in english.text
    assert "/api/v1/stock/lock" in english.text
