"""Shapes of requests and answers that several endpoints share. Strict: what is not named here is refused with 422.

Text is checked once, here: no control characters (Postgres cannot hold NUL), nothing that is not Unicode.
Dollars are exact decimals, in and out; never a float.
"""

import re
import unicodedata
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr

from tollhouse.access.tags import LONGEST_TAG, MOST_TAGS, is_tag
from tollhouse.foundation.money import MAX_KEY_BUDGET_USD, MAX_LIMIT_USD, exact_usd_string
from tollhouse.usage.receipts import EntryKind, Receipt, UsageSource

_PLAIN_DECIMAL: Final = re.compile(r"[0-9]{1,20}(\.[0-9]{1,20})?")
_EMAIL: Final = re.compile(r"[^@\s]{1,64}@[^@\s]{1,189}")
_PATTERN: Final = re.compile(r"[A-Za-z0-9._:/@+-]{1,200}|[A-Za-z0-9._:/@+-]{0,199}\*")
_MOST_PATTERNS: Final = 500
_SHORTEST_PASSWORD: Final = 12
_LONGEST_PASSWORD: Final = 1024


class Given(BaseModel):
    """A request's body."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Shown(BaseModel):
    """An answer's body."""

    model_config = ConfigDict(frozen=True)


def _line(most: int) -> Any:
    """One line of text that people type: trimmed, not empty, printable."""

    def check(text: str) -> str:
        trimmed = text.strip()
        if not 1 <= len(trimmed) <= most:
            raise ValueError(f"must have 1 to {most} characters")
        return _searched(trimmed)

    return AfterValidator(check)


def _is_plain(text: str) -> bool:
    """No control characters, no halves of a surrogate pair."""
    return all(unicodedata.category(character) not in ("Cc", "Cs") for character in text)


def _searched(text: str) -> str:
    """Any text that Postgres can hold."""
    if not _is_plain(text):
        raise ValueError("must not contain control characters or broken Unicode")
    return text


def _email(text: str) -> str:
    if _EMAIL.fullmatch(text) is None:
        raise ValueError("must be an e-mail address")
    return text


def _password(secret: SecretStr) -> SecretStr:
    text = secret.get_secret_value()
    if not _SHORTEST_PASSWORD <= len(text) <= _LONGEST_PASSWORD:
        raise ValueError(f"must have {_SHORTEST_PASSWORD} to {_LONGEST_PASSWORD} characters")
    return _readable(secret)


def _readable(secret: SecretStr) -> SecretStr:
    text = secret.get_secret_value()
    if len(text) > _LONGEST_PASSWORD or not _is_plain(text):
        raise ValueError("must be plain text")
    return secret


def _exact_usd(most: Decimal, places: int, in_words: str) -> Any:
    """A number or a decimal string of 0 to `most` dollars, every digit kept."""

    def check(value: object) -> Decimal:
        amount = _decimal(value)
        if not amount.is_finite() or not 0 <= amount <= most:
            raise ValueError(f"must be between 0 and {most} US dollars")
        rounded = amount.quantize(Decimal(1).scaleb(-places))
        if rounded != amount:
            raise ValueError(f"must have at most {in_words} decimals")
        return abs(rounded)

    # In the schema the bound stands at the number: the dashboard's forms take it from there.
    number = Annotated[float, Field(ge=0, le=float(most))]
    return BeforeValidator(check, json_schema_input_type=str | number)


def _model_pattern(text: str) -> str:
    if _PATTERN.fullmatch(text) is None:
        raise ValueError("must be a model, `provider/model`, or the beginning of one and `*`")
    return text


def _tag(text: str) -> str:
    if not is_tag(text):
        raise ValueError(f"must be 1 to {LONGEST_TAG} letters, digits or any of . _ : / = @ -")
    return text


def _decimal(value: object) -> Decimal:
    if isinstance(value, str) and _PLAIN_DECIMAL.fullmatch(value):
        return Decimal(value)
    if isinstance(value, (int, Decimal)) and not isinstance(value, bool):
        return Decimal(value)
    raise ValueError('must be an amount of US dollars such as "10.00"')


def _moment(value: object) -> datetime:
    """ISO 8601 with an offset. The years are bounded so that every zone's clock can show it."""
    if not isinstance(value, str):
        raise ValueError('must be a time such as "2030-01-31T12:00:00Z"')  # noqa: TRY004 - pydantic reads ValueError
    try:
        moment = datetime.fromisoformat(value)
    except ValueError as cause:
        raise ValueError('must be a time such as "2030-01-31T12:00:00Z"') from cause
    if moment.tzinfo is None:
        raise ValueError('must say its offset from UTC, such as "Z"')
    if not 2000 <= moment.year < 3000:
        raise ValueError("must be between the years 2000 and 3000")
    return moment.astimezone(UTC)


Name = Annotated[str, _line(200), Field(description="1 to 200 characters, one line.")]
Reason = Annotated[str, _line(500), Field(description="Why; the audit log keeps it. 1 to 500 characters, one line.")]
Email = Annotated[str, _line(254), AfterValidator(_email)]
TypedEmail = Annotated[str, _line(254)]
NewPassword = Annotated[SecretStr, AfterValidator(_password), Field(description="At least 12 characters.")]
TypedPassword = Annotated[SecretStr, AfterValidator(_readable)]
Usd = Annotated[Decimal, _exact_usd(MAX_KEY_BUDGET_USD, 4, "four")]
LimitUsd = Annotated[Decimal, _exact_usd(MAX_LIMIT_USD, 9, "nine")]
ModelPattern = Annotated[str, AfterValidator(_model_pattern)]
AllowedModels = Annotated[
    list[ModelPattern],
    Field(
        max_length=_MOST_PATTERNS, description="`model`, `provider/model`, or a beginning and `*`. Empty or null: all."
    ),
]
Tag = Annotated[str, AfterValidator(_tag)]
Tags = Annotated[list[Tag], Field(max_length=MOST_TAGS, description="What the key is for; its calls have them, too.")]
Searched = Annotated[str, AfterValidator(_searched), Field(max_length=200)]
OneTimeToken = Annotated[str, AfterValidator(_searched), Field(max_length=200, description="From the link.")]
Moment = Annotated[datetime, BeforeValidator(_moment, json_schema_input_type=datetime)]


class SessionOut(Shown):
    """`csrf_token` goes back as `X-CSRF-Token` with every write that relies on the cookie."""

    expires_at: datetime
    csrf_token: str


class TokensOut(Shown):
    """`cached` and `cache_write` are parts of `input`, `reasoning` is a part of `output`."""

    input: int
    cached: int
    cache_write: int
    output: int
    reasoning: int


class EntryOut(Shown):
    """The call's line in the ledger. `in_doubt`: charged at the bound because the outcome was not known."""

    kind: EntryKind
    day: date


class ReceiptOut(Shown):
    """What one call cost and why. Amounts to the nano-dollar, as a decimal string and as an integer.

    `adjusted_cost`: what the call cost by later corrections; null: nobody corrected it.
    """

    call_id: str
    key_id: str
    user_id: str | None
    team_id: str | None
    provider: str
    model: str
    response_model: str | None
    stream: bool
    outcome: str
    upstream_status: int | None
    usage_source: UsageSource
    tokens: TokensOut
    price_version: str | None
    entry: EntryOut
    hold_usd: str
    hold_nanos: int
    cost_usd: str
    cost_nanos: int
    adjusted_cost_usd: str | None
    adjusted_cost_nanos: int | None
    clamped_max_tokens: int | None
    cf_log_id: str | None
    trace_id: str
    span_id: str
    started_at: datetime
    first_byte_ms: int | None
    duration_ms: int

    @classmethod
    def of(cls, receipt: Receipt, adjustment: int | None = None) -> "ReceiptOut":
        """`adjustment`: the sum of all corrections, signed; None without any."""
        adjusted = None if adjustment is None else receipt.cost_nanos + adjustment
        same = {name: getattr(receipt, name) for name in cls.model_fields if hasattr(receipt, name)}
        return cls(
            **same,
            tokens=TokensOut(
                input=receipt.input_tokens,
                cached=receipt.cached_tokens,
                cache_write=receipt.cache_write_tokens,
                output=receipt.output_tokens,
                reasoning=receipt.reasoning_tokens,
            ),
            entry=EntryOut(kind=receipt.entry_kind, day=receipt.entry_day),
            hold_usd=exact_usd_string(receipt.hold_nanos),
            cost_usd=exact_usd_string(receipt.cost_nanos),
            adjusted_cost_usd=None if adjusted is None else exact_usd_string(adjusted),
            adjusted_cost_nanos=adjusted,
        )


class ErrorOut(Shown):
    """OpenAI's error, as every refusal here has it."""

    message: str
    type: str
    code: str | None
    param: str | None


class ErrorEnvelope(Shown):
    error: ErrorOut


_WHY: Final = {
    400: "The request cannot be read.",
    401: "No credentials, or none that are valid.",
    403: "Your role does not allow it.",
    404: "It does not exist, or belongs to another customer.",
    409: "It clashes with what exists.",
    413: "The body is larger than 1 MiB.",
    422: "A field is missing, unknown or wrong; `param` names it.",
    429: "Too many tries; `Retry-After` says how long to wait.",
    502: "Cloudflare, or the identity provider, did not do it.",
    503: "The database cannot be reached.",
}


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The error answers of a route, for OpenAPI."""
    return {status: {"model": ErrorEnvelope, "description": _WHY[status]} for status in statuses}


def with_unreadable_bodies(described: dict[str, Any]) -> dict[str, Any]:
    """OpenAPI where each operation that takes a body tells of the 400 for one that is not JSON."""
    operations = [operation for path in described["paths"].values() for operation in path.values()]
    for operation in operations:
        if "requestBody" in operation:
            answers = operation["responses"]
            answers["400"] = {**answers["413"], "description": _WHY[400]}
    return described
