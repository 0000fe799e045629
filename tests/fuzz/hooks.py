"""What schemathesis can't know of this API. It loads this file into its own process (see schemathesis.toml)."""

import os
from typing import Any

import schemathesis
from hypothesis import strategies as st
from schemathesis import Case, CheckContext, HookContext, Response
from schemathesis.core.failures import Failure

_HEADERS = st.sampled_from(
    [
        "sku_id,name_en,name_zh",
        "sku_id,spu_id,name_en,name_zh,category,tags,decimals",
        "name_en,sku_id,price",
        "sku_id",
        "sku_id,stock_type,real_quantity",
        "poi_id,object_id,op,quantity,request_id",
        "poi_id,sku_id,POS.limit_quantity,manual",
    ]
)
_CELLS = st.one_of(
    st.sampled_from(
        [
            "",
            "201",
            "202",
            "0",
            "-1",
            "1e3",
            "Tofu",
            "豆腐",
            "hot;cold",
            '"',
            '"a""b"',
            "9" * 30,
            " 1 ",
            "s1",
            "101",
            "102",
            "2",
            "add",
            "count",
            "none",
            "true",
            "-2.5",
        ]
    ),
    st.text(max_size=20),
)
_ROWS = st.lists(st.lists(_CELLS, max_size=8).map(",".join), max_size=8)
_BREAKS = st.sampled_from(["\n", "\r\n", "\r"])
_FILES = st.builds(lambda header, rows, end: end.join([header, *rows]), _HEADERS, _ROWS, _BREAKS)

# Files that look like menus or stocks, and anything at all. Surrogates have no UTF-8, so they can't be sent.
schemathesis.openapi.media_type(
    "text/csv", st.one_of(_FILES.map(lambda text: text.encode("utf-8", "replace")), st.binary(max_size=200))
)


@schemathesis.hook
def before_call(context: HookContext, case: Case[Any], kwargs: dict[str, Any]) -> None:
    """Keep the run's own key alive, let streams end, and write whole numbers as whole numbers.

    Lists of keys show the key that the run itself uses; revoked or rotated, everything after it would be a 401, and
    limited, a 429. `1.0` is a whole number to JSON Schema; here an id with a fraction is a wrong type (400), which is
    what negative cases are for.
    """
    removes_a_key = case.method == "DELETE" and case.path == "/api/v1/keys"
    if removes_a_key and case.query and os.environ["FUZZ_KEY_ID"] in str(case.query.get("key_id")):
        case.query["key_id"] = "another"
    if isinstance(case.body, dict) and os.environ["FUZZ_KEY_ID"] in str(case.body.get("key_id")):
        case.body = {**case.body, "key_id": "another"}
    if case.path == "/api/v1/poi/stock/stream":  # one that follows has no end
        case.query = {**(case.query or {}), "follow": "false"}
    if case.meta is not None and case.meta.generation.mode.is_positive:
        case.body = _whole(case.body)


def _whole(body: Any) -> Any:
    if isinstance(body, dict):
        return {name: _whole(value) for name, value in body.items()}
    if isinstance(body, list):
        return [_whole(value) for value in body]
    return int(body) if isinstance(body, float) and body.is_integer() else body


@schemathesis.check
def wrong_operations_fail_alone(ctx: CheckContext, response: Response, case: Case[Any]) -> bool | None:
    """A batch that breaks the schema is refused as a whole, or has a refusal among its results."""
    if case.path != "/api/v1/stock/batch" or case.meta is None or case.meta.generation.mode.is_positive:
        return None
    body_is_wrong = any(location.name == "BODY" and not part.mode.is_positive
                        for location, part in case.meta.components.items())  # fmt: skip
    if case.method == "POST" and body_is_wrong and response.status_code == 200:
        results = response.json()["results"]
        if all(result["status"] < 400 for result in results):
            raise Failure(
                operation=case.operation.label, title="Every wrong operation was accepted", message=str(results)
            )
    return None


@schemathesis.check
def refusals_have_one_shape(ctx: CheckContext, response: Response, case: Case[Any]) -> bool | None:
    """Whatever isn't a success, also from the router, tells code, message and whether trying again may help."""
    if response.status_code >= 400 and case.method != "HEAD":
        told = response.json()
        if not {"code", "message", "retryable"} <= told.keys():
            raise Failure(operation=case.operation.label, title="A refusal without our shape", message=str(told))
    return None
