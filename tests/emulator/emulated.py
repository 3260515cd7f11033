"""What tests need to talk to a running emulator, and prices to reckon with."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import httpx
import msgspec

from tollhouse.emulator.app import EmulatorConfig

ACCOUNT = "acct"
OTHER = "other"
OTHER_TOKEN = "other-token-0123456789"
TOKEN = "cf-run-token-0123456789"
GATEWAY = "cust-42"
CALL = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hello, keeper!"}]}

FLAT = {
    "cache_invalidate_on_update": False,
    "cache_ttl": 0,
    "collect_logs": True,
    "rate_limiting_interval": 0,
    "rate_limiting_limit": 0,
    "authentication": True,
}


@dataclass(frozen=True)
class Rates:
    above_input_tokens: int = 0
    input: int = 150_000
    cached: int = 75_000
    cache_write: int = 150_000
    output: int = 600_000
    reasoning: int = 600_000


@dataclass(frozen=True)
class Price:
    tiers: Sequence[Rates] = (Rates(),)


@dataclass(frozen=True)
class Model:
    price: Price | None = Price()
    context_window: int | None = 128_000


class Prices:
    """A catalog of a few made-up prices: 0.15 in, 0.60 out per million; `tiny` has a small window."""

    def find(self, provider: str, model: str) -> Model | None:
        known = {
            "gpt-4o-mini": Model(),
            "gpt-5-mini": Model(),
            "tiny": Model(context_window=100),
            "unpriced": Model(price=None),
            "tiered": Model(Price((Rates(), Rates(100, 300_000, 300_000, 300_000, 1_200_001, 1_200_001)))),
        }
        return known.get(model)


@dataclass
class Emulated:
    """One running emulator."""

    client: httpx.AsyncClient
    config: EmulatorConfig

    async def call(
        self,
        body: object = CALL,
        path: str = "openai/chat/completions",
        *,
        gateway: str = GATEWAY,
        headers: dict[str, str] | None = None,
        token: str | None = TOKEN,
    ) -> httpx.Response:
        """A call as a careful proxy sends it."""
        sent = call_headers(token) | (headers or {})
        return await self.client.post(self.path(gateway, path), content=_encoded(body), headers=sent)

    @staticmethod
    def path(gateway: str = GATEWAY, path: str = "openai/chat/completions") -> str:
        return f"/v1/{ACCOUNT}/{gateway}/{path}"

    async def manage(self, method: str, path: str, body: object = None, **options: Any) -> httpx.Response:
        headers = options.pop("headers", {"authorization": f"Bearer {TOKEN}"})
        content = None if body is None else _encoded(body)
        return await self.client.request(
            method, f"/client/v4/accounts/{ACCOUNT}/{path}", content=content, headers=headers, **options
        )

    async def gateway(self, gateway_id: str = GATEWAY, **settings: object) -> None:
        made = await self.manage("POST", "ai-gateway/gateways", FLAT | {"id": gateway_id} | settings)
        assert made.status_code == 200, made.text

    async def script(self, *scripts: dict[str, object]) -> None:
        answer = await self.client.post("/_emulator/script", content=_encoded(list(scripts)))
        assert answer.status_code == 200, answer.text

    async def order(self, **order: object) -> None:
        answer = await self.client.post("/_emulator/management", content=_encoded(order))
        assert answer.status_code == 200, answer.text

    async def book(self) -> dict[str, Any]:
        answer = await self.client.get("/_emulator/book", params={"detail": "calls"})
        shown: dict[str, Any] = answer.json()
        return shown

    async def requests(self, **query: str) -> list[dict[str, Any]]:
        answer = await self.client.get("/_emulator/requests", params=query)
        shown: list[dict[str, Any]] = answer.json()["requests"]
        return shown


def call_headers(token: str | None = TOKEN) -> dict[str, str]:
    fixed = {"content-type": "application/json", "cf-aig-skip-cache": "true"}
    return fixed | ({"cf-aig-authorization": f"Bearer {token}"} if token else {})


def _encoded(body: object) -> bytes:
    return body if isinstance(body, bytes) else msgspec.json.encode(body)


def events(text: str) -> list[Any]:
    """The data of each server-sent event; `[DONE]` as a string."""
    datas = [block.removeprefix("data: ") for block in text.split("\n\n") if block]
    return [data if data == "[DONE]" else msgspec.json.decode(data) for data in datas]
