"""What is configured, reachable and wrong. Looks, changes nothing; each finding is one line that says what to do."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import httpx
import psycopg

from tollhouse.billing.accounts import BillingError
from tollhouse.cloudflare.accounts import Account
from tollhouse.foundation.clock import SystemClock
from tollhouse.foundation.errors import BadGateway, StartupError
from tollhouse.master_keys import MasterKeys
from tollhouse.opening.control import accounts_of, master_keys_of, single_sign_on_of
from tollhouse.opening.stripe import billing_of, meters_of
from tollhouse.settings import Settings
from tollhouse.traces.exports.exporters import PURPOSE as EXPORT_HEADERS

_WAIT_S: Final = 5.0
_SEALED_KEYS: Final = "SELECT master_key_id, count(*) FROM provider_keys GROUP BY 1 ORDER BY 1"
_SEALED_HEADERS: Final = (
    "SELECT master_key_id, count(*) FROM trace_exporters WHERE master_key_id IS NOT NULL GROUP BY 1 ORDER BY 1"
)
_EXPORTERS: Final = """
    SELECT count(*) FILTER (WHERE enabled), count(*) FILTER (WHERE enabled AND failures > 0),
        coalesce(sum(refused_spans), 0)::bigint, coalesce(sum(skipped_spans), 0)::bigint,
        (SELECT count(*) FROM (SELECT FROM trace_exports LIMIT 100000) waiting)
    FROM trace_exporters"""
_SHORTEST_SHARED_SECRET: Final = 16


@dataclass(frozen=True, slots=True)
class Finding:
    """`wrong`: Tollhouse cannot do its job until this is put right."""

    subject: str
    says: str
    wrong: bool = False

    def line(self) -> str:
        return f"{'WRONG' if self.wrong else 'ok   '}  {self.subject:<12} {self.says}"


def examine(settings: Settings) -> list[Finding]:
    """All findings, in the order in which things are needed."""
    known = [*_data_dir(settings), *_database(settings), *asyncio.run(_others(settings))]
    return [*known, *_intake(settings), *_server(settings), *_metrics(settings)]


def _data_dir(settings: Settings) -> list[Finding]:
    place = settings.data_dir
    if not place.exists():
        return [Finding("data", f"{place} will be made at the first start")]
    return [Finding("data", f"{place} is there")]


def _database(settings: Settings) -> list[Finding]:
    if settings.database_url is None:
        return [Finding("database", "embedded PostgreSQL (DATABASE_URL is not set)")]
    # Late, as all that takes long to load and is not always needed.
    from tollhouse.db import migrate

    try:
        revision, head = migrate.current(settings.database_url), migrate.head()
        findings = [_revision(revision, head)]
        if revision is not None:
            findings.append(_ledger(settings.database_url))
        if revision == head:
            findings.append(_secrets(settings, settings.database_url))
            findings.append(_exporters(settings.database_url))
            findings += _usage(settings, settings.database_url)
    except StartupError as error:
        return [Finding("database", str(error), wrong=True)]
    return findings


def _revision(revision: str | None, head: str) -> Finding:
    if revision == head:
        return Finding("database", f"reachable, at revision {revision}")
    return Finding("database", f"reachable, at revision {revision or 'none'}; `tollhouse migrate` brings it up to date")


def _ledger(url: str) -> Finding:
    with psycopg.connect(url, connect_timeout=10) as connection:
        row = connection.execute("SELECT count(*) FROM ledger_audit").fetchone()
    breaches = row[0] if row else 0
    if breaches:
        return Finding("ledger", f"{breaches} breaches of its invariants: look at the view ledger_audit", wrong=True)
    return Finding("ledger", "the books are right (audit is empty)")


def _secrets(settings: Settings, url: str) -> Finding:
    """Whether this machine knows the master keys that provider keys and exporters' headers are sealed with."""
    with psycopg.connect(url, connect_timeout=10) as connection:
        keys = connection.execute(_SEALED_KEYS).fetchall()
        headers = connection.execute(_SEALED_HEADERS).fetchall()
    finding = _sealed("provider keys", master_keys_of(settings), keys)
    if headers and not finding.wrong:
        finding_of_headers = _sealed("exporters' headers", master_keys_of(settings, EXPORT_HEADERS), headers)
        says = f"{finding.says}; {finding_of_headers.says}"
        return Finding("secrets", says, wrong=finding_of_headers.wrong)
    return finding


def _sealed(what: str, keys: MasterKeys, rows: Sequence[tuple[str, int]]) -> Finding:
    """`rows`: how many of them are under which master key."""
    try:
        keyring = keys.look()
    except StartupError as error:
        return Finding("secrets", str(error), wrong=True)
    unknown = {key_id: count for key_id, count in rows if keyring is None or not keyring.knows(key_id)}
    if unknown:
        names = ", ".join(unknown)
        says = f"{sum(unknown.values())} {what} are sealed with master keys not known here ({names})"
        cure = f"give the former ones in TOLLHOUSE_FORMER_SECRET_KEYS, or bring {keys.file} back"
        return Finding("secrets", f"{says}: {cure}", wrong=True)
    former = sum(count for key_id, count in rows if keyring is not None and key_id != keyring.current_id)
    if former:
        return Finding("secrets", f"{former} {what} are under a former master key: `tollhouse secrets rotate`")
    return Finding("secrets", f"{sum(count for _, count in rows)} {what}, all under the current master key")


def _exporters(url: str) -> Finding:
    """What customers have sent to their own tools, and whether it arrives. One that fails is its customer's to mend."""
    with psycopg.connect(url, connect_timeout=10) as connection:
        row = connection.execute(_EXPORTERS).fetchone()
    on, failing, refused, skipped, waiting = row or (0, 0, 0, 0, 0)
    if not on:
        return Finding("exporters", "nobody has spans sent to tools of their own")
    says = f"{on} on, {failing} of them failing; {waiting} spans wait, {refused} were refused, {skipped} given up"
    where = "; customers see why at /v1/customers/me/trace-exporters" if failing else ""
    return Finding("exporters", says + where)


def _usage(settings: Settings, url: str) -> list[Finding]:
    """What of all customers' usage is not at Stripe."""
    if settings.stripe_secret_key is None:
        return []
    with psycopg.connect(url, connect_timeout=10) as connection:
        dead = connection.execute("SELECT count(*) FROM usage_events WHERE dead_at IS NOT NULL").fetchone()
        oldest = connection.execute(
            "SELECT min(occurred_at) FROM usage_events WHERE sent_at IS NULL AND dead_at IS NULL"
        ).fetchone()
    at = oldest[0] if oldest else None
    waits = "no event waits" if at is None else f"the oldest event that waits is of {at:%Y-%m-%d %H:%M} UTC"
    if dead and dead[0]:
        says = f"{dead[0]} dead letters (see docs/operating.md, Billing with Stripe); {waits}"
        return [Finding("usage", says, wrong=True)]
    return [Finding("usage", f"no dead letters; {waits}")]


async def _others(settings: Settings) -> list[Finding]:
    return [
        *await _cloudflare(settings),
        *await _stripe(settings),
        *await _meter(settings),
        *await _single_sign_on(settings),
    ]


async def _cloudflare(settings: Settings) -> list[Finding]:
    try:
        accounts = accounts_of(settings)
    except StartupError as error:
        return [Finding("cloudflare", str(error), wrong=True)]
    if not accounts:
        return [Finding("cloudflare", "not configured: customers get no gateway (`serve --demo` emulates one)")]
    base = str(settings.cf_api_base).rstrip("/")
    async with httpx.AsyncClient(timeout=_WAIT_S) as client:
        return [await _account(client, base, account) for account in accounts]


async def _account(client: httpx.AsyncClient, base: str, account: Account) -> Finding:
    headers = {"authorization": f"Bearer {account.management_token.reveal()}"}
    url = f"{base}/accounts/{account.id}/ai-gateway/gateways"
    try:
        answer = await client.get(url, params={"per_page": 1}, headers=headers)
    except httpx.HTTPError as error:
        return Finding("cloudflare", f"cannot be reached: {error!r}. Check CF_API_BASE.", wrong=True)
    if answer.status_code != 200:
        check = "check its id, and that its token may write AI Gateway"
        return Finding("cloudflare", f"account {account.id}: answers {answer.status_code}; {check}", wrong=True)
    return Finding("cloudflare", f"account {account.id}: reachable, and the token is accepted")


async def _single_sign_on(settings: Settings) -> list[Finding]:
    try:
        sign_on = single_sign_on_of(settings)
        if sign_on is None:
            return [Finding("sign-in", "with passwords only (TOLLHOUSE_OIDC_ISSUER is not set)")]
        from tollhouse.control.people.oidc import Provider

        await Provider(sign_on, SystemClock()).look()
    except (StartupError, BadGateway) as error:
        return [Finding("sign-in", str(error), wrong=True)]
    return [Finding("sign-in", f"with passwords, and at {sign_on.issuer}, which can be reached")]


async def _stripe(settings: Settings) -> list[Finding]:
    billing = billing_of(settings)
    if billing is None:
        return [Finding("stripe", "not configured: nothing is billed (STRIPE_SECRET_KEY is not set)")]
    try:
        async with billing:
            await billing.check()
    except BillingError as error:
        return [Finding("stripe", f"{error}; check STRIPE_SECRET_KEY and STRIPE_API_BASE", wrong=True)]
    return [Finding("stripe", "reachable, and the key is accepted")]


async def _meter(settings: Settings) -> list[Finding]:
    """Whether what is sent to Stripe is counted there, and whether we would hear that it is not."""
    meters = meters_of(settings)
    if meters is None:
        return []
    name = settings.stripe_meter
    try:
        async with meters:
            standing = await meters.standing()
    except BillingError as error:
        return [Finding("meter", str(error), wrong=True)]
    if not standing.found:
        says = f"Stripe has no active meter `{name}`, so usage waits here: make it (docs/operating.md)"
        return [Finding("meter", f"{says}, or set TOLLHOUSE_STRIPE_METER", wrong=True)]
    if standing.fault is not None:
        return [Finding("meter", f"`{name}` does not count what we send: {standing.fault}", wrong=True)]
    heard = "" if settings.stripe_webhook_secret else "; its errors are not heard (STRIPE_WEBHOOK_SECRET is not set)"
    return [Finding("meter", f"`{name}` is there and counts what we send{heard}")]


def _intake(settings: Settings) -> list[Finding]:
    """Who may send spans, and whether a secret that opens the door for every customer can be guessed."""
    secret = settings.ingest_secret()
    name = "TRACE_INGEST_SECRET" if settings.trace_ingest_secret else "OPENROUTER_BROADCAST_SECRET"
    if secret is None:
        return [Finding("traces", "taken with API tokens and virtual keys (TRACE_INGEST_SECRET is not set)")]
    if len(secret.reveal()) < _SHORTEST_SHARED_SECRET:
        says = f"{name} is short: whoever guesses it writes spans for every customer. Take 32 random characters."
        return [Finding("traces", says, wrong=True)]
    return [Finding("traces", f"taken with {name}, API tokens and virtual keys")]


def _server(settings: Settings) -> list[Finding]:
    url = f"http://{settings.host}:{settings.port}/v1/health"
    try:
        answer = httpx.get(url, timeout=_WAIT_S)
    except httpx.HTTPError:
        return [Finding("server", f"nothing listens on {settings.host}:{settings.port}")]
    return [Finding("server", f"{url} answers {answer.status_code}", wrong=answer.status_code >= 500)]


def _metrics(settings: Settings) -> list[Finding]:
    if settings.metrics_token is None:
        return [Finding("metrics", "off: /metrics needs TOLLHOUSE_METRICS_TOKEN")]
    url = f"http://{settings.host}:{settings.port}/metrics"
    headers = {"authorization": f"Bearer {settings.metrics_token.get_secret_value()}"}
    try:
        answer = httpx.get(url, headers=headers, timeout=_WAIT_S)
    except httpx.HTTPError:
        return [Finding("metrics", f"on at {url}, once the server runs")]
    if answer.status_code != 200:
        says = f"{url} answers {answer.status_code}: was the server started with the same TOLLHOUSE_METRICS_TOKEN?"
        return [Finding("metrics", says, wrong=True)]
    return [Finding("metrics", f"{url} can be read")]
