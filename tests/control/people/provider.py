"""An identity provider that says what a test tells it to, on a real socket; and a browser's way there and back.

The real one, which follows the specifications, is in `tests/oidc_provider`.
"""

import asyncio
import base64
import functools
import hashlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
from joserfc import jwt
from joserfc.jwk import ECKey, Key, OctKey, RSAKey
from joserfc.jws import JWSRegistry

from control.house import House
from tollhouse.control.context import SingleSignOn
from tollhouse.control.people.oidc import Provider
from tollhouse.foundation.clock import Clock
from tollhouse.foundation.secrets import Secret

CLIENT_ID = "tollhouse"
CLIENT_SECRET = "a s%cret+with:signs"
SUBJECT = "subject-1"
EMAIL = "ann@example.com"


@functools.cache
def signing_key(kid: str = "first") -> Key:
    return RSAKey.generate_key(2048, {"kid": kid, "use": "sig"})


@dataclass
class ScriptedProvider:
    """`claims` are put over the usual ones of an ID token (None takes one away); `answers`, status and body, over what
    is answered at a path; `changes` over what it says about itself."""

    clock: Clock
    issuer: str = ""
    nonce: str = ""
    challenge: str = ""
    claims: dict[str, Any] = field(default_factory=dict)
    userinfo: dict[str, Any] = field(default_factory=dict)
    changes: dict[str, Any] = field(default_factory=dict)
    answers: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    keys: list[Any] = field(default_factory=lambda: [signing_key()])
    key: Key = field(default_factory=signing_key)
    header: dict[str, Any] = field(default_factory=lambda: {"alg": "RS256", "kid": "first"})
    asked: list[str] = field(default_factory=list)
    proofs: list[str] = field(default_factory=list)
    silent: bool = False

    @property
    def terms(self) -> SingleSignOn:
        return SingleSignOn(self.issuer, CLIENT_ID, Secret(CLIENT_SECRET), "Acme ID")

    def provider(self, patience_s: float = 5.0) -> Provider:
        """Ours, which asks this one."""
        return Provider(self.terms, self.clock, patience_s=patience_s)

    def id_token(self) -> str:
        now = int(self.clock.now().timestamp())
        usual = {
            "iss": self.issuer, "aud": CLIENT_ID, "sub": SUBJECT, "iat": now, "exp": now + 300, "nonce": self.nonce,
            "email": EMAIL, "email_verified": True,
        }  # fmt: skip
        claims = {name: value for name, value in (usual | self.claims).items() if value is not None}
        registry = JWSRegistry(algorithms=["RS256", "ES256", "HS256", "none"], strict_check_header=False)
        return jwt.encode(self.header, claims, self.key, registry=registry)

    def answer(self, path: str, head: str, body: str) -> tuple[int, bytes]:
        self.asked.append(path)
        if path in self.answers:
            return self.answers[path]
        if path == "/token":
            return self._tokens(head, body)
        return 200, json.dumps(self._said(path)).encode()

    def _said(self, path: str) -> dict[str, Any]:
        if path == "/jwks":
            return {"keys": [key if isinstance(key, dict) else key.as_dict(private=False) for key in self.keys]}
        if path == "/userinfo":
            return self.userinfo
        assert path == "/.well-known/openid-configuration"
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize?tenant=acme",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/jwks",
            "userinfo_endpoint": f"{self.issuer}/userinfo",
        } | self.changes

    def _tokens(self, head: str, body: str) -> tuple[int, bytes]:
        form = {name: values[0] for name, values in parse_qs(body).items()}
        self.proofs.append(head.partition("authorization: ")[2].partition("\r\n")[0] or form.get("client_secret", ""))
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if form["code"] != "good" or challenge != self.challenge:
            return 400, b'{"error": "invalid_grant"}'
        return 200, json.dumps({"id_token": self.id_token(), "access_token": "access", "expires_in": 60}).encode()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().replace("Authorization", "authorization")
            length = next((line for line in head.lower().split("\r\n") if line.startswith("content-length:")), ":0")
            body = (await reader.readexactly(int(length.partition(":")[2]))).decode()
            if self.silent:
                await reader.read()
            status, said = self.answer(head.split()[1], head, body)
            writer.write(f"HTTP/1.1 {status} X\r\nContent-Length: {len(said)}\r\nConnection: close\r\n\r\n".encode())
            writer.write(said)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def scripted(clock: Clock) -> AsyncIterator[ScriptedProvider]:
    made = ScriptedProvider(clock)
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.issuer = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield made
    finally:
        server.close()


@dataclass
class Browser:
    """Somebody who signs in, and what the provider was told about it."""

    client: httpx.AsyncClient
    provider: ScriptedProvider
    sent: dict[str, str] = field(default_factory=dict)

    async def begin(self, return_to: str = "/") -> httpx.Response:
        answer = await self.client.get("/v1/oidc/start", params={"return_to": return_to})
        if answer.status_code == 303:
            query = parse_qs(urlsplit(answer.headers["location"]).query)
            self.sent = {name: values[0] for name, values in query.items()}
            self.provider.nonce, self.provider.challenge = self.sent["nonce"], self.sent["code_challenge"]
        return answer

    async def come_back(self, **query: str) -> httpx.Response:
        given = {"state": self.sent.get("state", ""), "code": "good"} | query
        return await self.client.get("/v1/oidc/callback", params=given)

    async def sign_in(self, return_to: str = "/") -> httpx.Response:
        await self.begin(return_to)
        return await self.come_back()


async def browser(house: House, provider: ScriptedProvider) -> Browser:
    """At a house that trusts the provider."""
    with_sign_on = house.but(single_sign_on=provider.terms, cookie_secure=False)
    return Browser(await with_sign_on.visitor(), provider)


def elliptic_key() -> Key:
    return ECKey.generate_key("P-256", {"kid": "curve", "use": "sig"})


def shared_key() -> Key:
    return OctKey.import_key(CLIENT_SECRET, {"kid": "shared"})
