"""The only reader of the environment. Everything Tollhouse can be told, with its default and its limits.

Names without `TOLLHOUSE_` are those that clients of the system before used (see the contract of names).
"""

from decimal import Decimal
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field, HttpUrl, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from tollhouse.foundation.errors import StartupError
from tollhouse.foundation.logs import LogFormat
from tollhouse.foundation.sealing import SHORTEST_SECRET_CHARS
from tollhouse.foundation.secrets import Secret
from tollhouse.foundation.urls import keeps_secrets

MOST_WORKERS: Final = 64


def _prefixed(name: str) -> str:
    return f"TOLLHOUSE_{name.upper()}"


def _issuer(url: HttpUrl) -> HttpUrl:
    if not keeps_secrets(str(url)):
        raise ValueError("must begin with https://; plain http is for this machine only")
    if url.query is not None or url.fragment is not None:
        raise ValueError("must have no `?` and no `#`")
    return url


class Settings(BaseSettings):
    """All settings. `load()` makes one; nothing else reads the environment."""

    model_config = SettingsConfigDict(env_prefix="TOLLHOUSE_", frozen=True, extra="ignore", env_ignore_empty=True)

    # Where we listen and what we keep
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8080
    data_dir: Path = Path(".tollhouse")
    database_url: str | None = Field(None, validation_alias="DATABASE_URL")
    database_pool_size: Annotated[int, Field(ge=2, le=200)] = 16
    workers: Annotated[int, Field(ge=1, le=MOST_WORKERS)] = 1
    log_format: LogFormat = "console"
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    # Cloudflare
    cf_account_id: str | None = Field(None, validation_alias="CF_ACCOUNT_ID")
    cf_api_token: SecretStr | None = Field(None, validation_alias="CF_AI_GATEWAY_API_TOKEN")
    cf_accounts_file: Path | None = None
    """More accounts for gateways: see `cloudflare/accounts.py`."""
    cf_api_base: HttpUrl = Field(HttpUrl("https://api.cloudflare.com/client/v4"), validation_alias="CF_API_BASE")
    cf_gateway_base: HttpUrl = Field(
        HttpUrl("https://gateway.ai.cloudflare.com/v1"), validation_alias="CF_GATEWAY_BASE"
    )
    gateway_prefix: Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*-$", max_length=24)] = "tollhouse-"
    gateways_per_account: Annotated[int, Field(ge=1, le=10_000)] = 20

    # Billing
    stripe_secret_key: SecretStr | None = Field(None, validation_alias="STRIPE_SECRET_KEY")
    stripe_api_base: HttpUrl = Field(HttpUrl("https://api.stripe.com"), validation_alias="STRIPE_API_BASE")
    stripe_webhook_secret: SecretStr | None = Field(None, validation_alias="STRIPE_WEBHOOK_SECRET")
    stripe_meter: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.:-]{1,100}$")] = "tollhouse_usage"
    """The event name of the meter that usage is sent to."""

    # People
    public_url: HttpUrl | None = None
    registration: Literal["open", "closed"] = "open"
    session_hours: Annotated[int, Field(ge=1, le=24 * 90)] = 24 * 14
    cookie_secure: bool = False

    # People who sign in at an identity provider; all three, or none
    oidc_issuer: Annotated[HttpUrl, AfterValidator(_issuer)] | None = None
    oidc_client_id: Annotated[str, Field(min_length=1, max_length=500)] | None = None
    oidc_client_secret: SecretStr | None = None
    oidc_name: Annotated[str, Field(min_length=1, max_length=60)] = "Single sign-on"

    # What is kept for customers and used again is sealed with these; without one, a file in the data directory has it
    secret_key: SecretStr | None = None
    former_secret_keys: SecretStr | None = None
    """Comma separated; they only open."""

    # Webhooks
    allow_private_webhooks: bool = False

    # Telemetry
    trace_ingest_secret: SecretStr | None = Field(None, validation_alias="TRACE_INGEST_SECRET")
    openrouter_broadcast_secret: SecretStr | None = Field(None, validation_alias="OPENROUTER_BROADCAST_SECRET")

    ingest_max_body_bytes: Annotated[int, Field(ge=1024, le=256 << 20)] = 8 << 20
    ingest_max_decoded_bytes: Annotated[int, Field(ge=1024, le=256 << 20)] = 32 << 20
    ingest_max_spans: Annotated[int, Field(ge=1, le=100_000)] = 10_000
    """In one request."""
    ingest_max_inflight_bytes: Annotated[int, Field(ge=1 << 20, le=16 << 30)] = 128 << 20
    """Of all requests that one process works on, as sent and as decompressed."""
    ingest_max_waiting_spans: Annotated[int, Field(ge=1, le=10_000_000)] = 40_000
    """For the database, in one process."""
    ingest_spans_per_s: Annotated[int, Field(ge=1, le=10_000_000)] = 20_000
    """By credential, in one process."""
    ingest_process: bool = True
    """Work on spans in a process of its own beside each that serves, so that calls to models do not wait for it."""
    ingest_days_back: Annotated[int, Field(ge=1, le=3650)] = 30
    """Older spans are not taken."""
    trace_retention_days: Annotated[int, Field(ge=1, le=400)] = 30
    """How long spans are kept for customers that set nothing else."""

    openrouter_management_key: SecretStr | None = Field(None, validation_alias="OPENROUTER_MANAGEMENT_KEY")

    # Operators; without a token there is no /metrics
    metrics_token: SecretStr | None = None

    # Limits of the road
    max_body_bytes: Annotated[int, Field(ge=1024, le=512 << 20)] = 20 << 20
    max_header_bytes: Annotated[int, Field(ge=4096, le=1 << 20)] = 32 << 10
    body_timeout_s: Annotated[float, Field(gt=0, le=600)] = 30
    default_max_output_tokens: Annotated[int, Field(ge=256, le=1_000_000)] = 4096
    upstream_connections: Annotated[int, Field(ge=1, le=10_000)] = 512
    upstream_waiting: Annotated[int, Field(ge=0, le=100_000)] = 2048
    connect_timeout_s: Annotated[float, Field(gt=0, le=120)] = 5
    first_byte_timeout_s: Annotated[float, Field(gt=0, le=3600)] = 300
    idle_timeout_s: Annotated[float, Field(gt=0, le=3600)] = 120
    call_max_s: Annotated[float, Field(gt=0, le=6 * 3600)] = 1800
    drain_s: Annotated[float, Field(ge=0, le=3600)] = 60
    max_drains: Annotated[int, Field(ge=0, le=10_000)] = 64
    shutdown_s: Annotated[float, Field(ge=1, le=3600)] = 60

    # The ledger
    lease_ahead_s: Annotated[float, Field(gt=0, le=3600)] = 10
    lease_max_usd: Annotated[Decimal, Field(gt=0, le=10_000, decimal_places=9)] = Decimal(5)
    lease_idle_s: Annotated[float, Field(gt=0, le=3600)] = 5
    hold_wait_s: Annotated[float, Field(ge=0, le=60)] = 0.6
    outage_ttl_s: Annotated[float, Field(ge=1, le=86400)] = 600
    worker_silent_s: Annotated[float, Field(ge=5, le=3600)] = 30
    sweep_every_s: Annotated[float, Field(gt=0, le=600)] = 0.5
    journal_sync: Literal["group", "strict"] = "group"
    journal_sync_s: Annotated[float, Field(gt=0, le=1)] = 0.01
    journal_segment_bytes: Annotated[int, Field(ge=1 << 20, le=1 << 30)] = 16 << 20
    journal_max_bytes: Annotated[int, Field(ge=8 << 20, le=1 << 40)] = 1 << 30
    journal_keep_s: Annotated[float, Field(ge=0, le=30 * 86400)] = 86400
    price_overrides: Path | None = None
    crash_point: str | None = None
    """For tests: `name:n` kills the process at the n-th passing of a named point (see ledger/crashpoints.py)."""

    @field_validator("secret_key")
    @classmethod
    def _one_key(cls, given: SecretStr | None) -> SecretStr | None:
        if given is not None and not _is_key(given.get_secret_value()):
            raise ValueError(_KEY_FORM)
        return given

    @field_validator("former_secret_keys")
    @classmethod
    def _some_keys(cls, given: SecretStr | None) -> SecretStr | None:
        if given is not None and not all(_is_key(key) for key in _listed(given)):
            raise ValueError(f"each of them {_KEY_FORM}")
        return given

    @field_validator("metrics_token")
    @classmethod
    def _one_token(cls, given: SecretStr | None) -> SecretStr | None:
        if given is not None and not (len(given.get_secret_value()) >= 16 and _is_plain(given.get_secret_value())):
            raise ValueError("must have at least 16 characters, plain ASCII without spaces and commas")
        return given

    def former_keys(self) -> tuple[Secret, ...]:
        """Master keys that only open."""
        return () if self.former_secret_keys is None else tuple(map(Secret, _listed(self.former_secret_keys)))

    def ingest_secret(self) -> Secret | None:
        """What whoever sends spans for all customers shows; None: nobody does."""
        given = self.trace_ingest_secret or self.openrouter_broadcast_secret
        return None if given is None or not given.get_secret_value() else Secret(given.get_secret_value())


_KEY_FORM: Final = f"must have at least {SHORTEST_SECRET_CHARS} characters, plain ASCII without spaces and commas"


def _is_key(text: str) -> bool:
    return _is_plain(text) and len(text) >= SHORTEST_SECRET_CHARS


def _is_plain(text: str) -> bool:
    return text.isascii() and text.isprintable() and not set(", ") & set(text)


def _listed(secret: SecretStr) -> list[str]:
    return [key.strip() for key in secret.get_secret_value().split(",")]


def load() -> Settings:
    """Read the environment; a bad value stops the start with one line that names it."""
    try:
        return Settings()
    except ValidationError as cause:
        first = cause.errors()[0]
        name = _environment_name(str(first["loc"][0]))
        raise StartupError(f"{name} is not usable: {first['msg']}") from None


def _environment_name(field_or_alias: str) -> str:
    return _prefixed(field_or_alias) if field_or_alias in Settings.model_fields else field_or_alias


def environment_of(settings: Settings) -> dict[str, str]:
    """What a process must be told so that its `load()` gives the same settings; secrets included."""
    told: dict[str, str] = {}
    for name, field in Settings.model_fields.items():
        value = getattr(settings, name)
        if value is not None:
            alias = field.validation_alias
            plain = value.get_secret_value() if isinstance(value, SecretStr) else str(value)
            told[alias if isinstance(alias, str) else _prefixed(name)] = plain
    return told


def describe(settings: Settings) -> list[tuple[str, str]]:
    """Every setting as (environment name, value) with secrets masked, for `tollhouse config`."""
    rows = []
    for name, field in Settings.model_fields.items():
        alias = field.validation_alias
        rows.append((alias if isinstance(alias, str) else _prefixed(name), _shown(name, getattr(settings, name))))
    return rows


def _shown(name: str, value: object) -> str:
    if value is None:
        return "(not set)"
    if isinstance(value, SecretStr):
        return "***"
    if name == "database_url":
        return _without_password(str(value))
    return str(value)


def _without_password(url: str) -> str:
    scheme, _, rest = url.partition("://")
    credentials, at, place = rest.rpartition("@")
    user, colon, _ = credentials.partition(":")
    return f"{scheme}://{user}{':***' if colon else ''}{at}{place}"


def make_data_dir(settings: Settings) -> None:
    """The data directory, or one clear line why not."""
    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
    except OSError as cause:
        raise StartupError(f"cannot make the data directory {settings.data_dir}: {cause.strerror}") from cause
