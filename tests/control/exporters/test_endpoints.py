"""Exporters over HTTP: what their headers say goes in and never comes out."""

from typing import Any

import pytest

from control.exporters.collector import Answer, collecting
from control.house import House, Member, refusal
from making import customer, master_keys
from tollhouse.control.exporters import rotation
from tollhouse.control.exporters.service import MOST
from tollhouse.foundation.ids import CustomerId
from tollhouse.traces.exports import queue
from tollhouse.traces.exports.exporters import Headers
from traces.exports.making_spans import span

EXPORTERS = "/v1/customers/me/trace-exporters"
URL = "https://otlp.example/v1/traces"
SECRET = "Bearer very-secret-0123"
GIVEN = {"name": "Our tracing", "url": URL, "headers": {"Authorization": SECRET}}


async def made(who: Member, **fields: object) -> dict[str, Any]:
    answer = await who.api.post(EXPORTERS, json=GIVEN | fields)
    assert answer.status_code == 201, answer.text
    shown: dict[str, Any] = answer.json()["trace_exporter"]
    return shown


async def test_an_exporter_is_made_shown_changed_and_deleted(house: House, admin: Member) -> None:
    first = await made(admin)
    assert (first["encoding"], first["compression"], first["enabled"], first["include_content"]) == (
        "protobuf",
        "gzip",
        True,
        False,
    )
    assert first["header_names"] == ["Authorization"]
    assert first["created_by"] == admin.id
    assert (first["progress"]["queued"], first["progress"]["last_error"]) == (0, None)
    listed = await admin.api.get(EXPORTERS)
    assert listed.json() == {"trace_exporters": [first]}
    changed = await admin.api.patch(f"{EXPORTERS}/{first['id']}", json={"enabled": False, "encoding": "json"})
    shown = changed.json()["trace_exporter"]
    assert (shown["enabled"], shown["encoding"], shown["name"]) == (False, "json", "Our tracing")
    assert shown["header_names"] == ["Authorization"]
    assert (await admin.api.delete(f"{EXPORTERS}/{first['id']}")).status_code == 204
    assert refusal(await admin.api.delete(f"{EXPORTERS}/{first['id']}")) == (404, "not_found")
    assert (await admin.api.get(EXPORTERS)).json() == {"trace_exporters": []}


async def test_secrets_are_in_no_answer_no_row_and_no_line_of_the_audit_log(house: House, admin: Member) -> None:
    first = await made(admin)
    texts = [str(first)]
    for method, path, body in (
        ("GET", EXPORTERS, None),
        ("PATCH", f"{EXPORTERS}/{first['id']}", {"headers": {"x-key": SECRET}}),
        ("GET", "/v1/audit", None),
        ("POST", EXPORTERS, GIVEN | {"url": f"https://u:p@x/{SECRET[7:]}"}),
    ):
        texts.append((await admin.api.request(method, path, json=body)).text)
    for table in ("trace_exporters", "audit_log"):
        texts += [str(dict(row)) for row in await house.fetch(f"SELECT * FROM {table}")]
    assert [text for text in texts if "very-secret" in text] == []


async def test_changes_are_audited_by_the_names_of_headers(house: House, admin: Member) -> None:
    first = await made(admin)
    path = f"{EXPORTERS}/{first['id']}"
    await admin.api.patch(path, json={"headers": {"Authorization": "another"}})
    await admin.api.patch(path, json={})
    await admin.api.patch(path, json={"headers": {}, "name": "Ours"})
    await admin.api.delete(path)
    lines = await house.fetch("SELECT * FROM audit_log WHERE action LIKE 'trace_exporter.%' ORDER BY id")
    assert [(line["action"], line["actor"], line["subject"]) for line in lines] == [
        ("trace_exporter.create", admin.id, first["id"]),
        ("trace_exporter.change", admin.id, first["id"]),
        ("trace_exporter.change", admin.id, first["id"]),
        ("trace_exporter.delete", admin.id, first["id"]),
    ]
    assert lines[0]["after"]["headers"] == ["Authorization"]
    assert lines[1]["after"] == {"new_headers": True}
    assert lines[2]["after"] == {"name": "Ours", "headers": [], "new_headers": True}
    assert lines[3]["before"]["name"] == "Ours"


async def test_stored_headers_do_not_follow_to_another_host(house: House, admin: Member) -> None:
    """Or whoever may change an address could have the secret sent to themselves."""
    path = f"{EXPORTERS}/{(await made(admin))['id']}"
    moved = {"url": "https://evil.example/v1/traces"}
    assert refusal(await admin.api.patch(path, json=moved)) == (422, "headers_needed")
    assert refusal(await admin.api.patch(path, json={"url": "https://otlp.example:8443/"})) == (422, "headers_needed")
    assert (await admin.api.patch(path, json={"url": "https://otlp.example/other"})).status_code == 200
    gone = await admin.api.patch(path, json=moved | {"headers": {}})
    assert gone.json()["trace_exporter"]["header_names"] == []


async def test_there_are_a_few_at_most(house: House, admin: Member) -> None:
    for _ in range(MOST):
        await made(admin)
    assert refusal(await admin.api.post(EXPORTERS, json=GIVEN)) == (409, "too_many_exporters")
    async with house.context.database.connection() as connection:
        other = await house.member(await customer(connection), "admin")
    await made(other)


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"url": "http://otlp.example/"}, "url"),
        ({"url": "http://127.0.0.1:4318/v1/traces"}, "url"),
        ({"url": "https://169.254.169.254/latest"}, "url"),
        ({"url": "https://[::ffff:10.0.0.1]/"}, "url"),
        ({"url": "https://u:p@otlp.example/"}, "url"),
        ({"url": "https://otlp.example/" + "x" * 2000}, "url"),
        ({"name": ""}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"encoding": "grpc"}, "encoding"),
        ({"compression": "zstd"}, "compression"),
        ({"headers": {"Host": "other"}}, "headers"),
        ({"headers": {"content-length": "0"}}, "headers"),
        ({"headers": {"Transfer-Encoding": "chunked"}}, "headers"),
        ({"headers": {"a b": "x"}}, "headers"),
        ({"headers": {"": "x"}}, "headers"),
        ({"headers": {"a\r\nb": "x"}}, "headers"),
        ({"headers": {"a": "x\r\nb: y"}}, "headers"),
        ({"headers": {"a": ""}}, "headers"),
        ({"headers": {"a": " x"}}, "headers"),
        ({"headers": {"a": "ü"}}, "headers"),
        ({"headers": {"a": "x" * 4097}}, "headers"),
        ({"headers": {"a": "x", "A": "y"}}, "headers"),
        ({"headers": {f"x-{number}": "x" for number in range(17)}}, "headers"),
        ({"headers": {"a": 7}}, "headers"),
        ({"headers": []}, "headers"),
        ({"claim": "x"}, "claim"),
    ],
)
async def test_what_cannot_be_used_is_refused_by_name(
    busy_house: House, busy_admin: Member, fields: dict[str, object], param: str
) -> None:
    answer = await busy_admin.api.post(EXPORTERS, json=GIVEN | fields)
    assert answer.status_code == 422, answer.text
    assert answer.json()["error"]["param"].startswith(param)


@pytest.fixture(scope="module")
async def busy_admin(busy_house: House) -> Member:
    async with busy_house.context.database.connection() as connection:
        return await busy_house.member(await customer(connection), "admin")


# Trying ---------------------------------------------------------------------------------------------------


async def test_a_test_span_is_sent_now_and_wakes_what_waits(house: House, admin: Member, acme: CustomerId) -> None:
    async with collecting(Answer(), Answer(403)) as collector:
        lenient = await _lenient(house, admin)
        path = f"{EXPORTERS}/{(await made(lenient, url=collector.url))['id']}"
        await house.fetch("UPDATE trace_exporters SET due_at = now() + interval '1 hour'")
        taken = (await lenient.api.post(f"{path}/test")).json()
        assert taken == {"delivered": True, "status": 200, "error": None}
        assert collector.names == ["tollhouse.test"]
        assert collector.headers[0]["authorization"] == SECRET
        assert await house.fetch("SELECT id FROM trace_exporters WHERE due_at > now()") == []
        refused = (await lenient.api.post(f"{path}/test")).json()
        assert refused == {"delivered": False, "status": 403, "error": "answered 403"}


async def test_trying_is_not_a_cannon(house: House, admin: Member) -> None:
    first = await made(admin, url="https://127.0.0.1.example/", headers={})
    await house.fetch("UPDATE trace_exporters SET url = 'https://127.0.0.1/'")
    for _ in range(10):
        tried = (await admin.api.post(f"{EXPORTERS}/{first['id']}/test")).json()
        assert tried["error"] == "not sent: the address behind the name is not a public one"
    assert refusal(await admin.api.post(f"{EXPORTERS}/{first['id']}/test")) == (429, "rate_limited")


async def test_what_waits_is_shown(house: House, admin: Member, acme: CustomerId) -> None:
    await made(admin)
    async with house.context.database.transaction() as connection:
        await queue.offer(connection, [span(acme), span(acme)])
    [shown] = (await admin.api.get(EXPORTERS)).json()["trace_exporters"]
    assert shown["progress"]["queued"] == 2
    assert shown["progress"]["oldest_queued_at"] is not None


# Master keys ----------------------------------------------------------------------------------------------


async def test_headers_are_rewrapped_under_a_new_master_key(house: House, admin: Member) -> None:
    await made(admin)
    await made(admin, headers={})
    new = master_keys("current master key", current="new master key").keyring()
    database = house.context.database
    assert (await rotation.rotate(database, new)).rewrapped == 1
    done = await rotation.rotate(database, new)
    assert (done.rewrapped, done.current, done.unreadable) == (0, 1, [])
    stranger = await rotation.rotate(database, master_keys(current="unknown").keyring())
    assert len(stranger.unreadable) == 1
    assert Headers().envelope is None


async def _lenient(house: House, admin: Member) -> Member:
    """The same person in a house that may send to private addresses."""
    loose = house.but(allow_private_webhooks=True)
    api = await loose.visitor()
    api.headers.update(admin.api.headers)
    return Member(admin.id, admin.customer_id, api)
