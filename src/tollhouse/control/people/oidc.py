"""The protocol of signing in at an identity provider: OpenID Connect's code flow with PKCE, state and nonce.

Nothing is fetched before somebody wants to sign in: the provider may be away when we start. Sources: OpenID Connect
Core 1.0 and Discovery 1.0; RFC 7636 (PKCE); RFC 9207 (the issuer's name in the answer).
"""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import ClaimError, InvalidKeyIdError, JoseError
from joserfc.jwk import JWKRegistry, Key, KeySet
from joserfc.jws import JWSRegistry

from tollhouse.control.context import SingleSignOn
from tollhouse.control.people import attempts
from tollhouse.control.people.attempts import Seal
from tollhouse.control.people.oidc_wire import PATIENCE_S, Remembered, Tokens, Wire, plain_code, trouble
from tollhouse.foundation.clock import Clock
from tollhouse.foundation.errors import BadRequest, Forbidden
from tollhouse.foundation.secrets import Secret
from tollhouse.foundation.urls import keeps_secrets

SCOPE: Final = "openid email"
LOOK_AGAIN_S: Final = 10.0
"""So often at most are the provider's keys fetched anew for a signature by a key that we do not know."""
LEEWAY_S: Final = 60
# Signatures that only the provider can make: never `none`, and nothing with a shared secret (HS256 and its like).
ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512")
_MOST_KEYS: Final = 100
_LONGEST_SUBJECT: Final = 255
_LONGEST_EMAIL: Final = 254


class Metadata(msgspec.Struct, frozen=True):
    """What the provider says about itself (Discovery 1.0, section 3), as far as we need it."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None = None
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)
    authorization_response_iss_parameter_supported: bool = False

    @property
    def addresses(self) -> tuple[str, ...]:
        known = (self.authorization_endpoint, self.token_endpoint, self.jwks_uri, self.userinfo_endpoint)
        return tuple(url for url in known if url is not None)

    @property
    def auth_method(self) -> str:
        """How we prove who we are; raises BadGateway when it takes neither."""
        for method in ("client_secret_basic", "client_secret_post"):
            if method in self.token_endpoint_auth_methods_supported:
                return method
        raise trouble("it takes no client secret")


class _Keys(msgspec.Struct, frozen=True):
    keys: tuple[dict[str, Any], ...]


class _Claims(msgspec.Struct, frozen=True):
    """Who somebody is; `email_verified` is only believed when it is `true`."""

    sub: str
    email: str | None = None
    email_verified: Any = None


@dataclass(frozen=True, slots=True)
class Identity:
    """Somebody as the provider knows them. `subject` is theirs for good; the address is theirs now, and verified."""

    issuer: str
    subject: str
    email: str


@dataclass(frozen=True, slots=True)
class Returned:
    """What a browser brings back from the provider, as it stands in the URL."""

    state: str
    code: str = ""
    error: str = ""
    issuer: str | None = None


class Provider:
    """The identity provider as we know it; one per process."""

    def __init__(self, terms: SingleSignOn, clock: Clock, *, patience_s: float = PATIENCE_S) -> None:
        self._terms = terms
        self._clock = clock
        self._seal = Seal(terms.client_secret)
        self._wire = Wire(terms, patience_s=patience_s)
        self._metadata = Remembered(self._fetch_metadata, clock)
        self._keys = Remembered(self._fetch_keys, clock)

    async def look(self) -> None:
        """Raises BadGateway unless the provider can be asked and is who it should be."""
        await self._keys.get()

    async def begin(self, redirect_uri: str, return_to: str) -> tuple[str, str]:
        """Where to send the browser, and the sealed attempt that it keeps meanwhile. Raises BadGateway."""
        metadata = await self._metadata.get()
        attempt = attempts.new_attempt(return_to, self._clock.now())
        url: str = prepare_grant_uri(
            metadata.authorization_endpoint,
            client_id=self._terms.client_id,
            response_type="code",
            redirect_uri=redirect_uri,
            scope=SCOPE,
            state=attempt.state,
            nonce=attempt.nonce,
            code_challenge=create_s256_code_challenge(attempt.verifier),
            code_challenge_method="S256",
        )
        return url, self._seal.close(attempt)

    async def finish(self, redirect_uri: str, sealed: str, returned: Returned) -> tuple[Identity, str]:
        """Who came back, and where they want to go on.

        Raises BadRequest to start again, Forbidden for what the provider or we do not believe, BadGateway.
        """
        attempt = self._seal.open(sealed, self._clock.now())
        attempts.require_state(attempt, returned.state)
        metadata = await self._metadata.get()
        _require_code(metadata, returned)
        tokens = await self._wire.exchange(
            metadata.token_endpoint, metadata.auth_method, returned.code, attempt.verifier, redirect_uri
        )
        claims = await self._claims(metadata, tokens, attempt.nonce)
        return self._identity(claims), attempt.return_to

    async def _claims(self, metadata: Metadata, tokens: Tokens, nonce: str) -> _Claims:
        """From the ID token; the address, where it is not in there, from the provider's book of people."""
        with _distrust():
            token = await self._signed(tokens.id_token)
            said = CodeIDToken(
                token.claims,
                token.header,
                options={
                    "iss": {"essential": True, "value": metadata.issuer},
                    "aud": {"essential": True, "value": self._terms.client_id},
                    "nonce": {"essential": True, "value": nonce},
                },
                params={"client_id": self._terms.client_id, "nonce": nonce},
            )
            said.validate(now=int(self._clock.now().timestamp()), leeway=LEEWAY_S)
            claims = msgspec.convert(dict(said), _Claims)
        if claims.email is not None or metadata.userinfo_endpoint is None:
            return claims
        told = await self._wire.read(metadata.userinfo_endpoint, _Claims, bearer=Secret(tokens.access_token))
        if told.sub != claims.sub:
            raise _not_believed("sub")
        return told

    async def _signed(self, raw: str) -> jwt.Token:
        """The token, if one of the provider's keys signed it. Raises JoseError, ValueError and their like."""
        try:
            return _verified(raw, await self._keys.get())
        except InvalidKeyIdError:
            return _verified(raw, await self._keys.get(LOOK_AGAIN_S))

    def _identity(self, claims: _Claims) -> Identity:
        if not (0 < len(claims.sub) <= _LONGEST_SUBJECT and claims.sub.isascii() and claims.sub.isprintable()):
            raise _not_believed("sub")
        if claims.email is None or not _is_address(claims.email):
            raise Forbidden("the identity provider did not tell us your e-mail address", code="email_missing")
        if claims.email_verified is not True:
            raise Forbidden("the identity provider has not verified your e-mail address", code="email_not_verified")
        return Identity(self._terms.issuer, claims.sub, claims.email)

    async def _fetch_metadata(self) -> Metadata:
        metadata = await self._wire.read(f"{self._terms.issuer}/.well-known/openid-configuration", Metadata)
        if metadata.issuer.rstrip("/") != self._terms.issuer:
            raise trouble("it says that it is another issuer")
        if not all(keeps_secrets(url) for url in metadata.addresses):
            raise trouble("it wants to be asked without TLS")
        return metadata

    async def _fetch_keys(self) -> KeySet:
        metadata = await self._metadata.get()
        found = await self._wire.read(metadata.jwks_uri, _Keys)
        keys = [key for each in found.keys[:_MOST_KEYS] if (key := _usable(each)) is not None]
        return KeySet(keys)


def _require_code(metadata: Metadata, returned: Returned) -> None:
    """Raises Forbidden when the provider says no, or somebody else answers for it."""
    issuer = returned.issuer
    if issuer != metadata.issuer and (issuer or metadata.authorization_response_iss_parameter_supported):
        raise _not_believed("iss")
    if returned.error == "access_denied":
        raise Forbidden("the sign-in was cancelled, or the identity provider does not allow it", code="access_denied")
    if returned.error:
        said = plain_code(returned.error)
        raise Forbidden(f"the identity provider did not sign you in ({said})", code="sign_in_refused")
    if not returned.code:
        raise BadRequest("the identity provider's answer has no code; start again", code="invalid_code")


def _verified(raw: str, keys: KeySet) -> jwt.Token:
    registry = JWSRegistry(algorithms=ALGORITHMS, strict_check_header=False)
    registry.max_header_length = 8192  # some send their certificates along
    return jwt.decode(raw, keys, registry=registry)


def _usable(jwk: dict[str, Any]) -> Key | None:
    """None for a key of another kind than ours: a provider may have those, for others (RFC 7517, section 5)."""
    if jwk.get("kty") not in ("RSA", "EC"):
        return None
    try:
        return JWKRegistry.import_key(jwk)
    except (JoseError, ValueError, TypeError, KeyError):
        return None


@contextlib.contextmanager
def _distrust() -> Iterator[None]:
    """Whatever is wrong with a token is a refusal, which says what was wrong and nothing of the token."""
    try:
        yield
    except ClaimError as cause:
        raise _not_believed(cause.claim) from cause
    except (JoseError, msgspec.MsgspecError, ValueError, TypeError, KeyError, RecursionError) as cause:
        raise _not_believed("signature") from cause


def _not_believed(what: str) -> Forbidden:
    return Forbidden(f"we do not believe the identity provider's answer: its {what} is wrong", code="invalid_id_token")


def _is_address(text: str) -> bool:
    name, at, host = text.rpartition("@")
    return bool(name and at and host) and len(text) <= _LONGEST_EMAIL and text.isprintable() and " " not in text
