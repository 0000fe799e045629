"""What may be sent again, beside the service's own table of endpoints."""

from eightysix.client.call import Safety
from eightysix.client.table import POSTS, safety_of
from tests.docs.http_page import table


def test_every_post_is_in_the_table() -> None:
    """Whoever adds an endpoint says whether it may be sent twice."""
    posts = {endpoint.path for endpoint in table() if endpoint.method == "POST"}
    assert posts == set(POSTS)


def test_other_methods_say_it_themselves() -> None:
    for endpoint in table():
        if endpoint.method != "POST":
            expected = Safety.READ if endpoint.method == "GET" else Safety.STATE
            assert safety_of(endpoint.method, endpoint.path) is expected


def test_what_isn_t_known_is_never_sent_again() -> None:
    assert safety_of("POST", "/api/v1/unheard-of") is Safety.ONCE
    assert safety_of("PATCH", "/api/v1/brands") is Safety.ONCE


def test_what_takes_a_key_is_known_by_it() -> None:
    """An endpoint whose body has a request_id is KEYED, and no other but those that are keyed by nature."""
    by_nature = {f"/api/v1/stock/{name}" for name in ("lock", "deduct", "unlock", "batch")}
    by_nature |= {f"/api/v1/poi/stock/{name}" for name in ("sync-from-pos", "replay", "ack")}
    by_nature |= {"/api/v1/incidents/{incident_id}/resolve", "/api/v1/hub/events"}
    for endpoint in table():
        if endpoint.method == "POST" and endpoint.body is not None:
            fields = {field for kind in endpoint.body.types for field in getattr(kind, "__struct_fields__", ())}
            keyed = "request_id" in fields or endpoint.path in by_nature
            assert keyed == (POSTS[endpoint.path] is Safety.KEYED), endpoint.path
