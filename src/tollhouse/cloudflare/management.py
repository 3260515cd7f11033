"""Gateways at Cloudflare: make sure a customer has one that is set up right, remove it, read its logs, list Workers
AI's models.

`ensure` may be called any number of times and after any failure. Creating is never trusted to have failed: an
existing gateway answers with the code of bad input, and a 504 may come after the commit, so we look again.
"""

import asyncio
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import httpx
import msgspec

from tollhouse.cloudflare.accounts import Account
from tollhouse.cloudflare.api import NO_SUCH_ROUTE, NOT_FOUND, Api, ManagementError, Pause
from tollhouse.cloudflare.call_logs import CallLog, GatewayLogs, read_page
from tollhouse.cloudflare.gateway_settings import Json, creation, differs, merged
from tollhouse.cloudflare.models import WorkersModel, read_models
from tollhouse.cloudflare.names import gateway_id_for, is_gateway_id
from tollhouse.foundation.errors import UNREADABLE

__all__ = [
    "Account",
    "Gateway",
    "GatewayManagement",
    "ManagementError",
    "WorkersModel",
    "gateway_id_for",
]

_PER_PAGE: Final = 100
_MOST_PAGES: Final = 200
_LOGS_PER_PAGE: Final = 50
_MOST_PAGES_OF_LOGS: Final = 4000
# Nobody has published what an account with too many gateways is told, so its words are guessed at.
_QUOTA: Final = re.compile(
    r"quota|(?:maximum|limit|too many)\b.{0,60}\bgateways?\b|\bgateways?\b.{0,60}\b(?:maximum|limit)\b", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Gateway:
    """A gateway as Cloudflare shows it; `settings` is the whole object, unknown fields included."""

    id: str
    settings: Json


class GatewayManagement:
    """Owns its HTTP client: `aclose` it, or use it as `async with`."""

    def __init__(
        self,
        base_url: str,
        accounts: Iterable[Account],
        *,
        timeout_s: float = 20.0,
        transport: httpx.AsyncBaseTransport | None = None,
        pause: Pause = asyncio.sleep,
    ) -> None:
        self.accounts = {account.id: account for account in accounts}
        self._api = Api(base_url, timeout_s=timeout_s, transport=transport, pause=pause)

    async def __aenter__(self) -> "GatewayManagement":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        await self._api.aclose()

    async def ensure(self, account_id: str, gateway_id: str) -> None:
        """Afterwards the gateway exists and is set up as wanted. Raises ManagementError."""
        gateway = await self.get(account_id, gateway_id) or await self._create_or_find(account_id, gateway_id)
        if differs(gateway.settings):
            await self._put(account_id, gateway)

    async def get(self, account_id: str, gateway_id: str) -> Gateway | None:
        """None where Cloudflare says that there is no such gateway, and only there. Raises ManagementError."""
        account = self._account(account_id)
        try:
            return _gateway(await self._api.read(account.management_token, _path(account_id, gateway_id)))
        except ManagementError as refused:
            if refused.code == NOT_FOUND:
                return None
            raise

    async def create(self, account_id: str, gateway_id: str) -> Gateway:
        """One POST, its failure taken at its word; `ensure` is what callers want. Raises ManagementError."""
        account = self._account(account_id)
        _path(account_id, gateway_id)
        try:
            made = await self._api.write("POST", account.management_token, _path(account_id), creation(gateway_id))
        except ManagementError as refused:
            refused.quota = _is_quota(refused)
            raise
        return _gateway(made)

    async def update(self, account_id: str, gateway_id: str) -> Gateway:
        """Set an existing gateway up as wanted, keeping what others configured on it. Raises ManagementError."""
        gateway = await self.get(account_id, gateway_id)
        if gateway is None:
            raise ManagementError("there is no such gateway", status=404, code=NOT_FOUND)
        return await self._put(account_id, gateway)

    async def delete(self, account_id: str, gateway_id: str) -> None:
        """Afterwards there is no such gateway; one that is missing already is fine. Raises ManagementError."""
        account = self._account(account_id)
        try:
            await self._api.write("DELETE", account.management_token, _path(account_id, gateway_id))
        except ManagementError as refused:
            if refused.code == NOT_FOUND:
                return
            if not refused.ambiguous or await self.get(account_id, gateway_id) is not None:
                raise

    async def list_models(self, account_id: str) -> list[WorkersModel]:
        """Workers AI's models, all pages (the other providers' models are in no API). Raises ManagementError."""
        account = self._account(account_id)
        found: dict[str, WorkersModel] = {}
        for page in range(1, _MOST_PAGES + 1):
            query = {"page": page, "per_page": _PER_PAGE}
            models = read_models(
                await self._api.read(account.management_token, f"/accounts/{account_id}/ai/models/search", query)
            )
            # Totals are wrong, so only a page without anything new is the end.
            new = {model.name: model for model in models if model.name not in found}
            if not new:
                return list(found.values())
            found |= new
        raise ManagementError(f"more than {_MOST_PAGES} pages of models", status=200)

    async def logs(self, account_id: str, gateway_id: str, since: datetime, until: datetime) -> GatewayLogs:
        """Rows about calls in [since, until), newest first. Raises ManagementError.

        Read from the newest on: rows that arrive meanwhile push others onto the next page, where they are met again.
        """
        gateway = await self.get(account_id, gateway_id)
        if gateway is None:
            raise ManagementError("there is no such gateway", status=404, code=NOT_FOUND)
        kept = gateway.settings.get("collect_logs") is True
        found: dict[str, CallLog] = {}
        for page in range(1, _MOST_PAGES_OF_LOGS + 1):
            try:
                rows = await self._page_of_logs(account_id, gateway_id, page)
            except ManagementError as refused:
                if refused.code == NO_SUCH_ROUTE:
                    return GatewayLogs(kept, offered=False)
                raise
            new = {row.id: row for row in rows if row.id not in found}
            found |= new
            if not new or min(row.at for row in rows) < since:
                return GatewayLogs(kept, offered=True, rows=_between(found.values(), since, until))
        return GatewayLogs(kept, offered=True, rows=_between(found.values(), since, until), cut=True)

    async def _page_of_logs(self, account_id: str, gateway_id: str, page: int) -> list[CallLog]:
        token = self._account(account_id).management_token
        newest_first = {"order_by": "created_at", "order_by_direction": "desc"}
        query = {"page": page, "per_page": _LOGS_PER_PAGE} | newest_first
        return read_page(await self._api.read(token, f"{_path(account_id, gateway_id)}/logs", query))

    async def _create_or_find(self, account_id: str, gateway_id: str) -> Gateway:
        try:
            return await self.create(account_id, gateway_id)
        except ManagementError as refused:
            if not refused.ambiguous:
                raise
            gateway = await self.get(account_id, gateway_id)
            if gateway is None:
                raise
            return gateway

    async def _put(self, account_id: str, gateway: Gateway) -> Gateway:
        token = self._account(account_id).management_token
        return _gateway(await self._api.write("PUT", token, _path(account_id, gateway.id), merged(gateway.settings)))

    def _account(self, account_id: str) -> Account:
        account = self.accounts.get(account_id)
        if account is None:
            raise ManagementError("this account is not configured", status=None)
        return account


def _path(account_id: str, gateway_id: str | None = None) -> str:
    """The account is one of ours; the gateway's id is looked at before it becomes part of a URL."""
    gateways = f"/accounts/{account_id}/ai-gateway/gateways"
    if gateway_id is None:
        return gateways
    if not is_gateway_id(gateway_id):
        raise ValueError(f"{gateway_id!r} is not a gateway id")
    return f"{gateways}/{gateway_id}"


def _between(rows: Iterable[CallLog], since: datetime, until: datetime) -> tuple[CallLog, ...]:
    return tuple(row for row in rows if since <= row.at < until)


def _gateway(result: msgspec.Raw) -> Gateway:
    try:
        shown = msgspec.json.decode(result, type=dict[str, object])
        return Gateway(msgspec.convert(shown.get("id"), str), shown)
    except UNREADABLE as cause:
        raise ManagementError("a gateway that is none", status=200, retryable=True) from cause


def _is_quota(refused: ManagementError) -> bool:
    is_refusal = refused.status is not None and 400 <= refused.status < 500 and refused.status not in (401, 429)
    return is_refusal and _QUOTA.search(refused.text) is not None
