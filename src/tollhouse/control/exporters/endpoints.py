"""`/v1/customers/me/trace-exporters` over HTTP: where the customer has the spans of its calls sent (OTLP/HTTP)."""

import re
from datetime import datetime
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Path, Request
from pydantic import AfterValidator, Field, SecretStr

from tollhouse.control.callers import Person
from tollhouse.control.edge import ControlRoute
from tollhouse.control.exporters import service
from tollhouse.control.exporters.service import Changes
from tollhouse.control.identity import Context, allowed
from tollhouse.control.shapes import Given, Name, Shown, refusals
from tollhouse.control.throttle import Throttle
from tollhouse.foundation.secrets import Secret
from tollhouse.outbound.addresses import LONGEST_URL
from tollhouse.traces.exports.exporters import Compression, Encoding, Exporter, Progress, Terms

MOST_HEADERS: Final = 16
LONGEST_VALUE: Final = 4096
_HEADER_NAME: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}")
# What the request itself says: nobody may say it twice, or smuggle another request behind it.
_OURS: Final = frozenset(
    {
        "accept-encoding", "connection", "content-encoding", "content-length", "content-type", "expect", "host",
        "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade", "user-agent",
    }
)  # fmt: skip

router = APIRouter(prefix="/v1/customers/me/trace-exporters", tags=["customers"], route_class=ControlRoute)

Admin = Annotated[Person, Depends(allowed("trace_exporter.manage"))]
ExporterId = Annotated[str, Path(max_length=64)]


def throttle_of(request: Request) -> Throttle:
    throttle: Throttle = request.state.exporter_trials
    return throttle


def _headers(given: dict[str, SecretStr]) -> dict[str, SecretStr]:
    if len({name.lower() for name in given}) < len(given):
        raise ValueError("names a header twice")
    for name, value in given.items():
        text = value.get_secret_value()
        if _HEADER_NAME.fullmatch(name) is None or name.lower() in _OURS:
            raise ValueError(f"must not set {name[:64]!r}: it is not the name of a header, or one that is ours to set")
        if not 1 <= len(text) <= LONGEST_VALUE or not (text.isascii() and text.isprintable()) or text != text.strip():
            raise ValueError(f"must have values of 1 to {LONGEST_VALUE} printable ASCII characters")
    return given


Url = Annotated[
    str,
    Field(
        max_length=LONGEST_URL,
        description="The whole address that spans are sent to, usually with `/v1/traces`; https, to a public address.",
    ),
]
HeadersIn = Annotated[
    dict[str, SecretStr],
    Field(max_length=MOST_HEADERS, description="Sent with every request, for example `Authorization`. Never shown."),
    AfterValidator(_headers),
]


class TraceExporterIn(Given):
    """`include_content`: prompts and answers go along, should spans ever hold them; today none does."""

    name: Name
    url: Url
    headers: HeadersIn = {}
    encoding: Encoding = "protobuf"
    compression: Compression = "gzip"
    enabled: bool = True
    include_content: bool = False


class TraceExporterChange(Given):
    """What is left out stays. `headers` replace all that are there, `{}` removes them."""

    name: Name | None = None
    url: Url | None = None
    headers: HeadersIn | None = None
    encoding: Encoding | None = None
    compression: Compression | None = None
    enabled: bool | None = None
    include_content: bool | None = None


class ExportProgress(Shown):
    """`failures`: tries in a row that went wrong; `last_error` is of `last_failure_at`. `queued` spans wait, the oldest
    since `oldest_queued_at`. Since the beginning: `sent` arrived, `refused` were not taken, `skipped` were given up
    here, because they were older than a day or too many."""

    last_success_at: datetime | None
    last_failure_at: datetime | None
    last_status: int | None
    last_error: str | None
    failures: int
    next_try_at: datetime
    queued: int
    oldest_queued_at: datetime | None
    sent: int
    refused: int
    skipped: int

    @classmethod
    def of(cls, progress: Progress) -> "ExportProgress":
        return cls(**{name: getattr(progress, name) for name in cls.model_fields})


class TraceExporterOut(Shown):
    """`header_names`: what they say is never shown."""

    id: str
    name: str
    url: str
    header_names: list[str]
    encoding: Encoding
    compression: Compression
    enabled: bool
    include_content: bool
    created_at: datetime
    changed_at: datetime
    created_by: str | None
    progress: ExportProgress

    @classmethod
    def of(cls, exporter: Exporter) -> "TraceExporterOut":
        terms = exporter.terms
        return cls(
            id=exporter.id,
            name=terms.name,
            url=terms.url,
            header_names=list(exporter.headers.names),
            encoding=terms.encoding,
            compression=terms.compression,
            enabled=terms.enabled,
            include_content=terms.include_content,
            created_at=exporter.created_at,
            changed_at=exporter.changed_at,
            created_by=exporter.created_by_user_id,
            progress=ExportProgress.of(exporter.progress),
        )


class TraceExporterAnswer(Shown):
    trace_exporter: TraceExporterOut


class TraceExportersAnswer(Shown):
    trace_exporters: list[TraceExporterOut]


class ExportTrialAnswer(Shown):
    """How the one try ended; `status` is what the receiver answered, if it did."""

    delivered: bool
    status: int | None
    error: str | None


@router.get("", summary="Where the customer's spans are sent", responses=refusals(401, 403))
async def list_trace_exporters(context: Context, person: Admin) -> TraceExportersAnswer:
    found = await service.list_all(context.database, person)
    return TraceExportersAnswer(trace_exporters=[TraceExporterOut.of(exporter) for exporter in found])


@router.post(
    "", status_code=201, summary="Have spans sent to one more place", responses=refusals(401, 403, 409, 422, 503)
)
async def create_trace_exporter(context: Context, person: Admin, given: TraceExporterIn) -> TraceExporterAnswer:
    """Spans of calls that end from now on are sent, at least once, until they are a day old."""
    terms = Terms(
        name=given.name,
        url=given.url,
        encoding=given.encoding,
        compression=given.compression,
        enabled=given.enabled,
        include_content=given.include_content,
    )
    made = await service.create(context, person, terms, _secret(given.headers))
    return TraceExporterAnswer(trace_exporter=TraceExporterOut.of(made))


@router.patch("/{exporter_id}", summary="Change an exporter", responses=refusals(401, 403, 404, 422, 503))
async def change_trace_exporter(
    context: Context, person: Admin, exporter_id: ExporterId, given: TraceExporterChange
) -> TraceExporterAnswer:
    """What waits goes out as it is now. Another host needs the headers anew."""
    changes = Changes(
        name=given.name,
        url=given.url,
        encoding=given.encoding,
        compression=given.compression,
        enabled=given.enabled,
        include_content=given.include_content,
        headers=None if given.headers is None else _secret(given.headers),
    )
    made = await service.change(context, person, exporter_id, changes)
    return TraceExporterAnswer(trace_exporter=TraceExporterOut.of(made))


@router.delete(
    "/{exporter_id}", status_code=204, summary="Send nothing there any more", responses=refusals(401, 403, 404, 422)
)
async def delete_trace_exporter(context: Context, person: Admin, exporter_id: ExporterId) -> None:
    await service.delete(context.database, person, exporter_id)


@router.post(
    "/{exporter_id}/test", summary="Send a test span, once, now", responses=refusals(401, 403, 404, 422, 429, 503)
)
async def try_trace_exporter(
    context: Context,
    person: Admin,
    exporter_id: ExporterId,
    throttle: Annotated[Throttle, Depends(throttle_of)],
) -> ExportTrialAnswer:
    trial = await service.send_trial(context, throttle, person, exporter_id)
    return ExportTrialAnswer(delivered=trial.error is None, status=trial.status, error=trial.error)


def _secret(headers: dict[str, SecretStr]) -> dict[str, Secret]:
    return {name: Secret(value.get_secret_value()) for name, value in headers.items()}
