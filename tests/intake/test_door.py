"""`POST /v1/traces` over real HTTP: who may send, what is taken, and what the answer says of the rest."""

import gzip
import json
import time
import zlib
from collections.abc import Callable, Sequence
from typing import Any

import asyncpg
import httpx
import pytest
import zstandard
from google.protobuf.message import DecodeError
from google.rpc.status_pb2 import Status

from intake.sending import JSON, PROTOBUF, SECRET, Door, Made, as_json, partial_success, request
from making import customer, key, team, user
from stage import Stage
from tollhouse.access.keys import KeyTerms, NewKey
from tollhouse.db.pool import Connection
from tollhouse.foundation.ids import CustomerId, TeamId, UserId, new_id
from tollhouse.foundation.secrets import new_api_token, new_raw_key, sha256_hex
from tollhouse.intake.office import OwnOffice
from tollhouse.traces.spans import Span
from waiting import eventually

DAY_NS = 86_400 * 10**9
PACK: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "zstd": zstandard.compress,
}


class House:
    """A customer with people, a team, a key and tokens."""

    customer_id: CustomerId
    admin: UserId
    member: UserId
    team_id: TeamId
    key: NewKey
    email: str

    def __init__(self, door: Door) -> None:
        self._door = door

    async def make(self, name: str, **settings: object) -> "House":
        async with self._door.database.transaction() as connection:
            self.customer_id = await customer(connection, name, settings=settings)
            self.admin = await user(connection, self.customer_id, "admin")
            self.member = await user(connection, self.customer_id)
            self.team_id = await team(connection, self.customer_id, self.member)
            self.key = await key(connection, self.customer_id, team_id=self.team_id)
        self.email = f"{self.member}@example.com"
        return self

    async def token(self, user_id: UserId, *scopes: str, **columns: object) -> str:
        raw = new_api_token()
        async with self._door.database.connection() as connection:
            await connection.execute(
                "INSERT INTO api_tokens (id, user_id, token_hash, display, name, scopes, expires_at) "
                "VALUES ($1, $2, $3, 'tht_', 'test', $4, now() + make_interval(secs => $5))",
                new_id(),
                user_id,
                sha256_hex(raw),
                list(scopes) or None,
                columns.get("lives_s", 3600.0),
            )
        return raw


def own_office(stage: Stage) -> OwnOffice:
    """Where the work on spans is done in these tests: in their own process."""
    assert stage.house is not None
    office = stage.house.intake.office
    assert isinstance(office, OwnOffice)
    return office


@pytest.fixture(scope="module")
async def acme(door: Door) -> House:
    return await House(door).make("Acme")


@pytest.fixture(scope="module")
async def other(door: Door) -> House:
    return await House(door).make("Other")


@pytest.fixture(scope="module")
async def open_book(door: Door) -> House:
    return await House(door).make("Open Book", capture_content=True)


def call(**attributes: object) -> dict[str, object]:
    return {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o-mini",
        "gen_ai.usage.input_tokens": 12,
        "gen_ai.usage.output_tokens": 7,
    } | {name.replace("__", "."): value for name, value in attributes.items()}


# Who ----------------------------------------------------------------------------------------------------------


async def test_a_virtual_key_fixes_customer_key_and_owner_whatever_the_span_says(
    door: Door, acme: House, other: House
) -> None:
    """No attribute writes into another customer, or in the name of anybody of it."""
    claims = call(tollhouse__customer__id=other.customer_id, user__id=other.member, user__email=other.email)
    span = Made(claims | {"tollhouse.team.id": other.team_id, "tollhouse.cost.nanos": 1})
    answer = await door.send(span, credential=acme.key.raw_key, resource={"tollhouse.customer.id": other.customer_id})
    assert answer.status_code == 200, answer.text
    (row,) = await door.rows(span)
    assert (row["customer_id"], row["user_id"], row["team_id"], row["key_id"]) == (
        acme.customer_id, None, acme.team_id, acme.key.key_id,
    )  # fmt: skip
    assert not [name for name in row["attributes"] if name.startswith("tollhouse.c")]


async def test_a_members_token_speaks_for_its_owner_only(door: Door, acme: House) -> None:
    span = Made(call(user__id=acme.admin))
    assert (await door.send(span, credential=await acme.token(acme.member, "traces:write"))).status_code == 200
    (row,) = await door.rows(span)
    assert (row["customer_id"], row["user_id"], row["team_id"]) == (acme.customer_id, acme.member, acme.team_id)


async def test_an_admins_token_may_send_for_the_customers_other_people(door: Door, acme: House, other: House) -> None:
    theirs, nobodys, foreign = (
        Made(call(user__email=acme.email.upper())),
        Made(call()),
        Made(call(user__id=other.member)),
    )
    token = await acme.token(acme.admin)
    assert (await door.send(theirs, nobodys, foreign, credential=token)).status_code == 200
    rows = {row["span_id"]: row for row in await door.rows(theirs, nobodys, foreign)}
    assert {row["customer_id"] for row in rows.values()} == {acme.customer_id}
    assert rows[theirs.span_id.hex()]["user_id"] == acme.member
    assert rows[nobodys.span_id.hex()]["user_id"] == rows[foreign.span_id.hex()]["user_id"] == acme.admin


async def test_a_token_that_is_used_is_noted(door: Door, acme: House) -> None:
    token = await acme.token(acme.admin)
    await door.send(Made(call()), credential=token)
    async with door.database.connection() as connection:
        used = await connection.fetchval("SELECT last_used_at FROM api_tokens WHERE token_hash = $1", sha256_hex(token))
    assert used is not None


@pytest.mark.parametrize(
    "whose",
    [
        {"tollhouse.customer.id": "customer"},
        {"tollhouse.user.id": "member"},
        {"user.id": "member"},
        {"user.id": "email"},
        {"user.email": "email"},
        {"enduser.id": "member"},
        {"trace.metadata.user_id": "member"},
    ],
    ids=lambda whose: next(iter(whose.items())),
)
async def test_with_the_shared_secret_the_span_says_whose_it_is(door: Door, acme: House, whose: dict[str, str]) -> None:
    names = {"customer": acme.customer_id, "member": acme.member, "email": acme.email}
    attributes = {name: names[what] for name, what in whose.items()}
    on_span, on_resource = Made(call() | attributes), Made(call())
    assert (await door.send(on_span)).status_code == 200
    assert (await door.send(on_resource, resource={"service.name": "x"} | attributes)).status_code == 200
    for row in await door.rows(on_span, on_resource):
        assert row["customer_id"] == acme.customer_id
        assert row["user_id"] == (None if "customer" in whose.values() else acme.member)


async def test_with_the_shared_secret_a_span_of_nobody_is_rejected_and_the_others_taken(
    door: Door, acme: House
) -> None:
    mine, nobodys = Made(call(user__id=acme.member)), Made(call(user__id="stranger"))
    mixed = Made(call(tollhouse__customer__id=new_id(), user__id=acme.member))
    answer = await door.send(mine, nobodys, mixed)
    assert answer.status_code == 200
    rejected, why = partial_success(answer)
    assert rejected == 2
    assert f"span 1 ({nobodys.span_id.hex()})" in why
    assert "tollhouse.customer.id" in why
    assert answer.headers["x-tollhouse-accepted-spans"] == "1"
    assert len(await door.rows(mine, nobodys, mixed)) == 1


async def test_bad_credentials_are_refused(door: Door, acme: House) -> None:
    body = request(Made(call())).SerializeToString()
    assert (await door.post(body, None)).status_code == 401
    for wrong in (
        "wrong",
        SECRET + "x",
        SECRET[:-1],
        new_raw_key(),
        new_api_token(),
        "aig_short",
        "tht_short",
        "a b",
    ):
        answer = await door.post(body, wrong)
        assert answer.status_code == 401, wrong
        assert Status.FromString(answer.content).code == 16
    narrow = await acme.token(acme.admin, "keys:read")
    answer = await door.post(body, narrow)
    assert answer.status_code == 403
    assert "traces:write" in Status.FromString(answer.content).message
    assert (await door.post(body, await acme.token(acme.admin, lives_s=-5.0))).status_code == 401


async def test_a_disabled_or_expired_key_is_refused_and_a_deleted_token_at_once(door: Door, acme: House) -> None:
    body = request(Made(call())).SerializeToString()
    async with door.database.transaction() as connection:
        made = await key(connection, acme.customer_id)
        await connection.execute("UPDATE ai_gateway_keys SET disabled = true WHERE id = $1", made.key_id)
        late = await key(connection, acme.customer_id)
        await connection.execute("UPDATE ai_gateway_keys SET expires_at = now() WHERE id = $1", late.key_id)
    assert (await door.post(body, made.raw_key)).status_code == 403
    assert (await door.post(body, late.raw_key)).status_code == 403
    token = await acme.token(acme.admin)
    assert (await door.post(body, token)).status_code == 200
    async with door.database.connection() as connection:
        await connection.execute("DELETE FROM api_tokens WHERE token_hash = $1", sha256_hex(token))

    async def refused() -> bool:
        return (await door.post(body, token)).status_code == 401

    await eventually(refused, "a deleted token lets spans in")


# What ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["identity", "gzip", "deflate", "raw deflate", "zstd"])
@pytest.mark.parametrize("content_type", [PROTOBUF, JSON])
async def test_both_encodings_and_all_compressions(door: Door, acme: House, content_type: str, encoding: str) -> None:
    span = Made(call(user__id=acme.member, gen_ai__response__finish_reasons=["stop"], session__id="s1"), status=2)
    message = request(span)
    body = as_json(message) if content_type == JSON else message.SerializeToString()
    raw = zlib.compressobj(wbits=-15)
    packed = {
        "identity": body,
        "gzip": gzip.compress(body[:50]) + gzip.compress(body[50:]),
        "deflate": zlib.compress(body),
        "raw deflate": raw.compress(body) + raw.flush(),
        "zstd": zstandard.compress(body),
    }[encoding]
    name = encoding.removeprefix("raw ")
    answer = await door.post(packed, SECRET, f"{content_type}; charset=utf-8", content_encoding=name)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == content_type
    assert partial_success(answer) == (0, "")
    (row,) = await door.rows(span)
    assert (row["model"], row["provider"], row["input_tokens"], row["output_tokens"]) == (
        "gpt-4o-mini",
        "openai",
        12,
        7,
    )
    assert (row["status"], row["vendor"], row["tool"]) == (2, "checkout", "checkout")
    assert (row["start_ns"], row["end_ns"]) == (span.start_ns, span.start_ns + span.took_ns)
    assert row["attributes"]["gen_ai.response.finish_reasons"] == ["stop"]
    assert row["attributes"]["session.id"] == "s1"
    assert row["resource_attributes"] == {"service.name": "checkout"}


async def test_the_same_batch_three_times_is_there_once(door: Door, acme: House) -> None:
    spans = [Made(call(user__id=acme.member)) for _ in range(5)]
    for _ in range(3):
        assert (await door.send(*spans)).status_code == 200
    assert len(await door.rows(*spans)) == 5


async def test_prompts_and_answers_are_kept_only_where_the_customer_wants_them(
    door: Door, acme: House, open_book: House
) -> None:
    said = {
        "gen_ai.input.messages": '[{"role":"user","content":"my key is sk-abcdefgh12345678"}]',
        "gen_ai.prompt.0.content": "secret plan",
        "http.request.header.authorization": "Bearer aig_0123456789abcdef",
        "note": "uses tht_0123456789abcdef",
    }
    closed, opened = Made(call(user__id=acme.member) | said), Made(call(user__id=open_book.member) | said)
    assert (await door.send(closed, opened)).status_code == 200
    rows = {row["customer_id"]: row["attributes"] for row in await door.rows(closed, opened)}
    assert "plan" not in json.dumps(rows[acme.customer_id])
    assert rows[acme.customer_id]["tollhouse.span.content_dropped"] is True
    kept = rows[open_book.customer_id]
    assert kept["gen_ai.prompt.0.content"] == "secret plan"
    assert "sk-***" in kept["gen_ai.input.messages"]
    for attributes in rows.values():
        assert attributes["http.request.header.authorization"] == "***"
        assert attributes["note"] == "uses tht_***"


async def test_our_own_name_and_source_cannot_be_claimed(door: Door, acme: House) -> None:
    span = Made(call(user__id=acme.member, source="proxy"))
    assert (await door.send(span, resource={"service.name": "Tollhouse"}, scope="tollhouse")).status_code == 200
    (row,) = await door.rows(span)
    assert (row["vendor"], row["tool"]) == ("other-tollhouse", "other-tollhouse")


# What not -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"trace_id": b"\1" * 15}, "trace id"),
        ({"trace_id": bytes(16)}, "trace id"),
        ({"trace_id": b""}, "trace id"),
        ({"span_id": b"\1" * 9}, "span id"),
        ({"span_id": bytes(8)}, "span id"),
        ({"parent": b"\1" * 3}, "parent"),
        ({"start_ns": 0, "took_ns": 0}, "no start time"),
        ({"begins_in_s": -31 * 86_400}, "30 days ago"),
        ({"start_ns": 1}, "30 days ago"),
        ({"begins_in_s": 7_200}, "minutes ahead"),
        ({"start_ns": (1 << 63) + 5, "took_ns": 1}, "minutes ahead"),
        ({"took_ns": 40 * DAY_NS}, "minutes ahead"),
    ],
)
@pytest.mark.parametrize("content_type", [PROTOBUF, JSON])
async def test_a_span_that_cannot_be_is_rejected_alone(
    door: Door, acme: House, content_type: str, change: dict[str, Any], why: str
) -> None:
    changed = {name: value for name, value in change.items() if name != "begins_in_s"}
    if "begins_in_s" in change:
        changed["start_ns"] = time.time_ns() + change["begins_in_s"] * 10**9
    good, bad = Made(call(user__id=acme.member)), Made(call(user__id=acme.member), **changed)
    message = request(good, bad)
    body = as_json(message) if content_type == JSON else message.SerializeToString()
    answer = await door.post(body, SECRET, content_type)
    assert answer.status_code == 200, answer.text
    count, told = partial_success(answer)
    assert count == 1
    assert "span 1" in told
    assert why in told
    assert len(await door.rows(good)) == 1
    alone = await door.post(as_json(request(bad)), SECRET, JSON)
    assert alone.status_code == 400
    assert why in alone.json()["message"]
    assert alone.json()["code"] == 3


async def test_odd_clocks_are_taken_as_they_are(door: Door, acme: House) -> None:
    """Minutes ahead, weeks late, and an end before the start, which becomes a span of no length."""
    ahead = Made(call(user__id=acme.member), start_ns=time.time_ns() + 600 * 10**9)
    late = Made(call(user__id=acme.member), start_ns=time.time_ns() - 29 * DAY_NS)
    backwards = Made(call(user__id=acme.member), took_ns=-5_000)
    assert partial_success(await door.send(ahead, late, backwards)) == (0, "")
    rows = {row["span_id"]: row for row in await door.rows(ahead, late, backwards)}
    assert rows[ahead.span_id.hex()]["start_ns"] == ahead.start_ns
    assert rows[late.span_id.hex()]["start_ns"] == late.start_ns
    row = rows[backwards.span_id.hex()]
    assert row["end_ns"] == row["start_ns"]
    assert row["attributes"]["tollhouse.span.ended_before_start"] is True


async def test_texts_that_postgresql_does_not_store_are_made_fit(door: Door, acme: House) -> None:
    span = Made(call(user__id=acme.member) | {"a\0b": "c\0d", "list": ["e\0"]}, name="n\0m", message="s\0", status=2)
    message = request(span)
    assert (await door.post(as_json(message), SECRET, JSON)).status_code == 200
    (row,) = await door.rows(span)
    assert (row["name"], row["status_message"]) == ("n\ufffdm", "s\ufffd")
    assert row["attributes"]["a\ufffdb"] == "c\ufffdd"
    assert row["attributes"]["list"] == ["e\ufffd"]
    span.span_id = b"\2" * 8
    assert (await door.send(span)).status_code == 200
    assert len(await door.rows(span)) == 2


async def test_a_wrong_byte_in_a_text_does_not_lose_the_span(door: Door, acme: House) -> None:
    span = Made(call(user__id=acme.member, note="XXXXXXXX"))
    body = request(span).SerializeToString().replace(b"XXXXXXXX", b"a\xff\xfe\xc3\xed\xa0\x80z")
    assert (await door.post(body, SECRET)).status_code == 200
    (row,) = await door.rows(span)
    assert "\ufffd" in row["attributes"]["note"]


async def test_a_span_in_json_that_is_not_utf8_is_rejected_alone(door: Door, acme: House) -> None:
    good, bad = Made(call(user__id=acme.member)), Made(call(user__id=acme.member, note="XXXX"))
    answer = await door.post(as_json(request(good, bad)).replace(b"XXXX", b"\xff\xfe"), SECRET, JSON)
    assert answer.status_code == 200
    assert partial_success(answer)[0] == 1
    surrogate = await door.post(as_json(request(bad)).replace(b"XXXX", b"\\ud800"), SECRET, JSON)
    assert surrogate.status_code in (200, 400)


async def test_what_is_too_long_is_cut_and_says_so(door: Door, acme: House) -> None:
    many: dict[str, object] = {f"attribute.{number}": number for number in range(200)}
    span = Made({"user.id": acme.member, "long": "x" * 9_000} | many | {"k" * 300: "v"}, name="n" * 500)
    for body, content_type in ((request(span).SerializeToString(), PROTOBUF), (as_json(request(span)), JSON)):
        assert (await door.post(body, SECRET, content_type)).status_code == 200
        (row,) = await door.rows(span)
        attributes = row["attributes"]
        assert len(attributes["long"]) == 8_192
        assert attributes["long.truncated"] is True
        assert attributes["tollhouse.span.dropped_attributes"] >= 70
        assert len(attributes) < 140
        assert len(row["name"]) == 200
        async with door.database.connection() as connection:
            await connection.execute("DELETE FROM telemetry_spans WHERE span_id = $1", span.span_id.hex())


async def test_values_of_every_kind_are_kept_as_far_as_they_can_be(door: Door, acme: House) -> None:
    deep: object = "bottom"
    for _ in range(30):
        deep = [deep]
    kinds = {
        "whole": -5, "large": (1 << 63) - 1, "double": 0.5, "nan": float("nan"), "infinite": float("-inf"), "yes": True,
        "bytes": b"\0\1\2", "list": ["a", "b"], "mixed": [1, True, "c"], "map": {"a": {"b": [1]}}, "deep": deep,
    }  # fmt: skip
    in_protobuf, in_json = Made(call(user__id=acme.member) | kinds), Made(call(user__id=acme.member) | kinds)
    assert (await door.send(in_protobuf)).status_code == 200
    assert (await door.post(as_json(request(in_json)), SECRET, JSON)).status_code == 200
    rows = await door.rows(in_protobuf, in_json)
    assert len(rows) == 2
    for row in rows:
        kept = row["attributes"]
        assert (kept["whole"], kept["large"], kept["double"], kept["yes"]) == (-5, (1 << 63) - 1, 0.5, True)
        assert (kept["nan"], kept["infinite"], kept["bytes"]) == ("nan", "-inf", "AAEC")
        assert (kept["list"], kept["mixed"], kept["map"]) == (["a", "b"], ["1", "true", "c"], '{"a":{"b":[1]}}')
        assert "bottom" not in kept["deep"]


# Bounds -------------------------------------------------------------------------------------------------------


async def test_too_many_spans_are_rejected_by_number_and_far_too_many_all(door: Door, acme: House) -> None:
    spans = [Made({"user.id": acme.member}) for _ in range(503)]
    answer = await door.send(*spans)
    assert answer.status_code == 200
    assert partial_success(answer)[0] == 3
    far_too_many = request(*spans, *(Made() for _ in range(600)))
    for body, content_type in ((far_too_many.SerializeToString(), PROTOBUF), (as_json(far_too_many), JSON)):
        assert (await door.post(body, SECRET, content_type)).status_code == 413


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "zstd"])
async def test_a_bomb_is_refused_before_it_unfolds(door: Door, stage: Stage, encoding: str) -> None:
    packed = PACK[encoding](bytes(300 << 20))
    answer = await door.post(packed[: 1 << 20], SECRET, content_encoding=encoding)
    assert answer.status_code == 413
    assert stage.house is not None
    assert stage.house.intake.room.taken == 0


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "zstd"])
async def test_what_is_not_what_its_encoding_says_is_refused(door: Door, encoding: str) -> None:
    body = request(Made()).SerializeToString()
    packed = PACK[encoding](body)
    for broken in (b"garbage in, nothing out", packed[:-9], packed[:20]):
        assert (await door.post(broken, SECRET, content_encoding=encoding)).status_code == 400


async def test_a_body_over_its_limit_is_refused_unread(door: Door) -> None:
    answer = await door.post(bytes(2 << 20), SECRET)
    assert answer.status_code == 413

    async def trickle() -> Any:
        for _ in range(40):
            yield bytes(64 << 10)

    async with httpx.AsyncClient() as client:
        headers = {"authorization": f"Bearer {SECRET}", "content-type": PROTOBUF}
        answer = await client.post(f"{door.url}/v1/traces", content=trickle(), headers=headers)
    assert answer.status_code == 413


async def test_types_and_encodings_that_we_do_not_know(door: Door) -> None:
    body = request(Made()).SerializeToString()
    assert (await door.post(body, SECRET, "text/plain")).status_code == 415
    assert (await door.post(body, SECRET, content_encoding="br")).status_code == 415
    async with httpx.AsyncClient() as client:
        read = await client.get(f"{door.url}/v1/traces")
    assert read.json()["error"]["code"] == "not_signed_in", "reading spans is another door's"


@pytest.mark.parametrize(
    "body",
    [b"[]", b"{", b'{"resourceSpans": 5}', b"\xff\xff", b'{"resourceSpans":[{"scopeSpans":[{"spans":[5, {}]}]}]}',
     b'{"resourceSpans":' + b"[" * 100_000],
)  # fmt: skip
async def test_what_is_no_otlp_is_refused_with_a_reason(door: Door, body: bytes) -> None:
    answer = await door.post(body, SECRET, JSON)
    assert answer.status_code == 400
    assert answer.json()["message"]


@pytest.mark.parametrize("body", [b"\xff", b"\x0a\x05abc", b"\x0a\x02\x12\x7f", b"\x09\x01"])
async def test_what_is_no_protobuf_is_refused_with_a_reason(door: Door, body: bytes) -> None:
    answer = await door.post(body, SECRET)
    assert answer.status_code == 400
    assert Status.FromString(answer.content).message
    with pytest.raises(DecodeError):
        type(request()).FromString(body)


async def test_a_connection_test_and_an_empty_request_are_fine(door: Door) -> None:
    assert (await door.post(b"", SECRET)).status_code == 200
    assert (await door.post(b"", SECRET, JSON, x_test_connection="true")).status_code == 200
    assert (await door.post(b"{}", SECRET, "text/plain", x_test_connection="true")).status_code == 200
    for body in (b"{}", b'{"resourceSpans":[]}', b'{"resourceSpans":null}'):
        answer = await door.post(body, SECRET, JSON)
        assert (answer.status_code, answer.json()) == (200, {})


@pytest.fixture
def taken(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> list[Span]:
    """The spans as they are handed over to be stored."""
    commits, seen = own_office(stage).commits, list[Span]()
    store = commits._ingest

    async def ingest(connection: Connection, spans: Sequence[Span]) -> object:
        seen.extend(spans)
        return await store(connection, spans)

    monkeypatch.setattr(commits, "_ingest", ingest)
    return seen


async def test_each_call_is_counted_once(door: Door, acme: House, taken: list[Span]) -> None:
    """Not what is around it, not what two instrumentations tell of twice, and not what our own road has a span for."""
    agent = Made(call(gen_ai__operation__name="invoke_agent"), name="agent")
    chat = Made(call(), name="chat", trace_id=agent.trace_id, parent=agent.span_id)
    twice = Made(call(), name="twice", trace_id=agent.trace_id, parent=chat.span_id)
    elsewhere = Made(call(), name="elsewhere", parent=chat.span_id)
    through_us = Made(call(server__address="tollhouse.example"), name="through us")
    base = Made(call() | {"gen_ai.openai.api_base": "https://tollhouse.example/v1/ai/"}, name="base")
    plain = Made({"http.request.method": "GET"}, name="plain")
    answer = await door.send(agent, chat, twice, elsewhere, through_us, base, plain, credential=acme.key.raw_key)
    assert answer.status_code == 200
    assert {span.name for span in taken if span.counted} == {"chat", "elsewhere"}
    assert {span.source for span in taken} == {"otlp"}


async def test_a_span_that_names_nobody_belongs_to_whom_its_trace_does(door: Door, acme: House) -> None:
    root = Made(call(user__id=acme.member))
    child = Made(call(), trace_id=root.trace_id, parent=root.span_id)
    stranger = Made(call(user__id="stranger"), trace_id=root.trace_id)
    assert partial_success(await door.send(child, root, stranger))[0] == 1
    assert {row["user_id"] for row in await door.rows(root)} == {acme.member}


async def test_while_there_is_no_room_senders_are_told_to_come_again(
    door: Door, stage: Stage, acme: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert stage.house is not None
    room = stage.house.intake.room
    body = request(Made(call(user__id=acme.member))).SerializeToString()
    with monkeypatch.context() as patch:
        patch.setattr(room, "_most", len(body) - 1)
        answer = await door.post(body, SECRET)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert Status.FromString(answer.content).code == 14
    inner = own_office(stage).room
    with monkeypatch.context() as patch:
        patch.setattr(inner, "_most", len(body) + 10)
        answer = await door.post(gzip.compress(body), SECRET, content_encoding="gzip")
    assert answer.status_code == 503, "what it unfolds to has no room"
    assert (await door.post(body, SECRET)).status_code == 200
    assert room.taken == inner.taken == 0


async def test_a_source_that_is_too_fast_is_told_when_to_come_again(door: Door, stage: Stage, acme: House) -> None:
    assert stage.house is not None
    async with door.database.transaction() as connection:
        fast, calm = await key(connection, acme.customer_id), await key(connection, acme.customer_id)
    stage.house.intake.pace.spend(f"key {fast.key_id}", 1_000_000)
    answer = await door.send(Made(call()), credential=fast.raw_key)
    assert answer.status_code == 429
    assert 1 <= int(answer.headers["retry-after"]) <= 60
    assert (await door.send(Made(call()), credential=calm.raw_key)).status_code == 200


@pytest.mark.parametrize(
    ("error", "status"), [(ConnectionResetError(), 503), (asyncpg.CheckViolationError("x"), 400), (KeyError(), 500)]
)
async def test_what_was_not_stored_is_not_answered_200(
    door: Door, stage: Stage, acme: House, monkeypatch: pytest.MonkeyPatch, error: Exception, status: int
) -> None:
    async def ingest(_connection: Connection, _spans: Sequence[Span]) -> object:
        raise error

    span = Made(call())
    with monkeypatch.context() as patch:
        patch.setattr(own_office(stage).commits, "_ingest", ingest)
        answer = await door.send(span, credential=acme.key.raw_key)
    assert answer.status_code == status
    assert ("retry-after" in answer.headers) is (status == 503)
    assert await door.rows(span) == []


async def test_an_error_of_ours_is_told_as_one(door: Door, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    assert stage.house is not None

    def check(_source: str) -> None:
        raise KeyError

    with monkeypatch.context() as patch:
        patch.setattr(stage.house.intake.pace, "check", check)
        answer = await door.send(Made(call()))
    assert answer.status_code == 500
    assert Status.FromString(answer.content).code == 13


async def test_a_key_with_terms_of_its_own_sends_too(door: Door, stage: Stage) -> None:
    made = await stage.key(terms=KeyTerms("narrow", allowed_models=("openai/none",)))
    assert (await door.send(Made(call()), credential=made.raw_key)).status_code == 200
