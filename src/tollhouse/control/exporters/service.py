"""A customer's exporters: made, changed, tried, deleted. What their headers say is sealed and never shown again."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from tollhouse.control import audit, keyrings
from tollhouse.control.callers import Person
from tollhouse.control.context import ControlContext
from tollhouse.control.exporters import sending
from tollhouse.control.exporters.sealed_headers import seal, unseal
from tollhouse.control.throttle import Throttle
from tollhouse.db.pool import Database
from tollhouse.foundation.errors import Conflict, NotFound, Unavailable, Unprocessable
from tollhouse.foundation.ids import CustomerId, new_id
from tollhouse.foundation.sealing import SealError
from tollhouse.foundation.secrets import Secret
from tollhouse.outbound.addresses import NotAllowed, destination
from tollhouse.outbound.sending import Sender
from tollhouse.traces.exports import exporters
from tollhouse.traces.exports.exporters import Exporter, Headers, Terms
from tollhouse.traces.exports.queue import Batch
from tollhouse.traces.spans import KIND_CLIENT, Span, new_span_id, new_trace_id

MOST: Final = 5
"""Exporters of a customer."""


@dataclass(frozen=True, slots=True)
class Changes:
    """What is to be different; None: as it is. `headers` replace all that are there."""

    name: str | None = None
    url: str | None = None
    encoding: exporters.Encoding | None = None
    compression: exporters.Compression | None = None
    enabled: bool | None = None
    include_content: bool | None = None
    headers: Mapping[str, Secret] | None = None


@dataclass(frozen=True, slots=True)
class Trial:
    """How a try ended; `error` None: the span was taken."""

    status: int | None
    error: str | None


async def list_all(database: Database, person: Person) -> list[Exporter]:
    async with database.connection() as connection:
        return await exporters.of_customer(connection, person.customer_id)


async def create(context: ControlContext, person: Person, terms: Terms, headers: Mapping[str, Secret]) -> Exporter:
    """Raises Unprocessable for an address that spans must not go to, Conflict when there are enough."""
    _judge(context, terms.url)
    exporter_id = new_id()
    sealed = _sealed(context, headers, person.customer_id, exporter_id)
    async with context.database.transaction() as connection:
        await exporters.lock_all(connection, person.customer_id)
        if len(await exporters.of_customer(connection, person.customer_id)) >= MOST:
            raise Conflict(f"there are {MOST} exporters already; delete one first", code="too_many_exporters")
        await exporters.insert(connection, person.customer_id, exporter_id, terms, sealed, person.user_id)
        after = _told(terms, sealed)
        await audit.append(connection, person.actor, "trace_exporter.create", exporter_id, after=after)
        made = await exporters.find(connection, person.customer_id, exporter_id)
    assert made is not None  # noqa: S101 - it was written in this transaction
    return made


async def change(context: ControlContext, person: Person, exporter_id: str, changes: Changes) -> Exporter:
    """Headers that are not given stay, unless the address gets another host: they were meant for the former one.

    Raises NotFound, Unprocessable.
    """
    async with context.database.transaction() as connection:
        before = await exporters.lock(connection, person.customer_id, exporter_id)
        if before is None:
            raise _unknown()
        terms = _changed(before.terms, changes)
        if terms.url != before.terms.url:
            _judge(context, terms.url)
        headers = before.headers
        if changes.headers is not None:
            headers = _sealed(context, changes.headers, person.customer_id, exporter_id)
        elif headers.names and _place(terms.url) != _place(before.terms.url):
            raise _needs_headers()
        await exporters.update(connection, person.customer_id, exporter_id, terms, headers)
        was, is_ = _told(before.terms, before.headers), _told(terms, headers)
        is_["new_headers"], was["new_headers"] = changes.headers is not None, False
        await audit.append_change(connection, person.actor, "trace_exporter.change", exporter_id, was, is_)
        made = await exporters.find(connection, person.customer_id, exporter_id)
    assert made is not None  # noqa: S101 - it is locked
    return made


async def delete(database: Database, person: Person, exporter_id: str) -> None:
    """What waits for it is dropped. Raises NotFound."""
    async with database.transaction() as connection:
        before = await exporters.lock(connection, person.customer_id, exporter_id)
        if before is None:
            raise _unknown()
        await exporters.delete(connection, person.customer_id, exporter_id)
        gone = _told(before.terms, before.headers)
        await audit.append(connection, person.actor, "trace_exporter.delete", exporter_id, before=gone)


async def send_trial(context: ControlContext, throttle: Throttle, person: Person, exporter_id: str) -> Trial:
    """Send one span that says it is a test, now, once. Raises NotFound, TooManyRequests, Unavailable.

    If it is taken, whatever waits is tried again at once.
    """
    async with context.database.connection() as connection:
        exporter = await exporters.find(connection, person.customer_id, exporter_id)
    if exporter is None:
        raise _unknown()
    throttle.admit((person.customer_id,))
    trial = await _try(context, exporter)
    if trial.error is None:
        async with context.database.connection() as connection:
            await exporters.wake(connection, person.customer_id, exporter_id)
    return trial


async def _try(context: ControlContext, exporter: Exporter) -> Trial:
    batch = Batch((0,), (_test_span(context, exporter.customer_id),))
    headers = _opened(context, exporter)
    sender = Sender(private=context.allow_private_webhooks, patience_s=sending.PATIENCE_S)
    try:
        reply = await sending.send(sender, exporter.terms, headers, batch)
    finally:
        await sender.close()
    now = context.clock.now()
    result = sending.judge(reply, exporter.terms, batch, failures=0, batch_spans=1, now=now)
    return Trial(result.status, result.error)


def _test_span(context: ControlContext, customer_id: CustomerId) -> Span:
    now, at = context.clock.now(), context.clock.now_ns()
    return Span(
        day=now.date(),
        customer_id=customer_id,
        trace_id=new_trace_id(),
        span_id=new_span_id(),
        vendor="tollhouse",
        name="tollhouse.test",
        kind=KIND_CLIENT,
        start_ns=at - int(timedelta(milliseconds=1).total_seconds() * 1e9),
        end_ns=at,
        attributes={"tollhouse.test": True},
    )


def _changed(terms: Terms, changes: Changes) -> Terms:
    given = {name: getattr(changes, name) for name in Terms.__dataclass_fields__}
    return replace(terms, **{name: value for name, value in given.items() if value is not None})


def _judge(context: ControlContext, url: str) -> None:
    """Raises Unprocessable for an address that nothing may be sent to."""
    try:
        destination(url, private=context.allow_private_webhooks)
    except NotAllowed as refusal:
        raise Unprocessable(f"`url` {refusal}", code="invalid_field", param="url") from refusal


def _place(url: str) -> tuple[str, str, int]:
    """Scheme, host and port, of an address that was allowed when it was written down."""
    to = destination(url, private=True)
    return to.url.scheme, to.host, to.port


def _sealed(
    context: ControlContext, headers: Mapping[str, Secret], customer_id: CustomerId, exporter_id: str
) -> Headers:
    if not headers:
        return Headers()
    return Headers(
        tuple(sorted(headers)), seal(keyrings.latest(context.header_keyrings), headers, customer_id, exporter_id)
    )


def _opened(context: ControlContext, exporter: Exporter) -> dict[str, str]:
    """Raises Unavailable."""
    if exporter.headers.envelope is None:
        return {}
    try:
        return unseal(
            keyrings.latest(context.header_keyrings), exporter.headers.envelope, exporter.customer_id, exporter.id
        )
    except SealError as cause:
        raise Unavailable(
            "the headers cannot be opened here: store them anew, or ask your operator to run `tollhouse doctor`",
            code="secrets_unavailable",
        ) from cause


def _told(terms: Terms, headers: Headers) -> dict[str, str | int | bool | list[str] | None]:
    """For the audit log: the names of headers, never their values."""
    return {name: getattr(terms, name) for name in Terms.__dataclass_fields__} | {"headers": list(headers.names)}


def _needs_headers() -> Unprocessable:
    return Unprocessable(
        "give `headers` anew, or as {}: those that are stored were meant for another host",
        code="headers_needed",
        param="headers",
    )


def _unknown() -> NotFound:
    return NotFound("there is no such exporter")
