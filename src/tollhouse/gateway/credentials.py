"""Between steps 2 and 3: what a call goes out with. Known before any money is held for it.

Cloudflare's token always; where customers bring their own keys for providers, also that, out of its envelope. A key
that was opened is remembered, so that a call pays for a look-up in memory only.
"""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from tollhouse.access.permits import Permit
from tollhouse.cloudflare.routes import require_callable
from tollhouse.foundation.clock import Clock
from tollhouse.foundation.errors import StartupError
from tollhouse.foundation.ids import CustomerId
from tollhouse.foundation.logs import get_logger
from tollhouse.foundation.sealing import Envelope, Keyring, Keyrings, SealError
from tollhouse.foundation.secrets import Secret
from tollhouse.gateway import refusals
from tollhouse.gateway.authorize import Destination

REMEMBERED: Final = 10_000
LOOK_AGAIN_S: Final = 1.0

_Place = tuple[CustomerId, str, Envelope]

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Tokens:
    """Cloudflare tokens by account; the default account's for customers that have none of their own."""

    by_account: dict[str, Secret]

    def of(self, account_id: str) -> Secret | None:
        return self.by_account.get(account_id)


@dataclass(frozen=True, slots=True)
class Credential:
    """`token` is for Cloudflare; `provider_key` for the provider, None where somebody else pays it."""

    token: Secret
    provider_key: Secret | None


class ProviderKeys:
    """Opens customers' own keys. Owns the memory of those that were opened; the oldest use is forgotten first."""

    def __init__(self, keyrings: Keyrings, clock: Clock) -> None:
        self._keyrings = keyrings
        self._clock = clock
        self._opened: OrderedDict[_Place, Secret] = OrderedDict()
        self._look_again_at: dict[str, float] = {}
        self._complain_again_at = 0.0

    def of(self, permit: Permit, provider: str) -> Secret | None:
        """Raises Forbidden when no key is stored, Unavailable when it does not open."""
        if permit.credential_mode != "pass-through" or provider == "workers-ai":
            return None
        envelope = permit.provider_keys.get(provider)
        if envelope is None:
            raise refusals.provider_key_missing(provider)
        place = (permit.customer_id, provider, envelope)
        secret = self._opened.get(place)
        if secret is None:
            secret = self._opened[place] = self._open(*place)
            if len(self._opened) > REMEMBERED:
                self._opened.popitem(last=False)
        else:
            self._opened.move_to_end(place)
        return secret

    def _open(self, customer_id: CustomerId, provider: str, envelope: Envelope) -> Secret:
        try:
            return self._keyring_for(envelope).open(envelope, customer_id, provider)
        except SealError as cause:
            self._complain(customer_id, provider, cause)
            raise refusals.provider_key_unreadable(provider) from cause

    def _keyring_for(self, envelope: Envelope) -> Keyring:
        """A master key that is not known may have been made since: then they are read again, if not just now."""
        known, missing = self._keyrings.keyring(), envelope.master_key_id
        if known.knows(missing) or self._clock.monotonic() < self._look_again_at.get(missing, 0.0):
            return known
        self._note_look(missing)
        try:
            return self._keyrings.latest()
        except StartupError as error:
            _log.error("the master keys could not be read again", error=str(error))
            return known

    def _complain(self, customer_id: CustomerId, provider: str, cause: SealError) -> None:
        """To the operator, and not for every call."""
        now = self._clock.monotonic()
        if now >= self._complain_again_at:
            self._complain_again_at = now + LOOK_AGAIN_S
            _log.error("a provider key does not open", customer_id=customer_id, provider=provider, error=str(cause))

    def _note_look(self, missing: str) -> None:
        if len(self._look_again_at) >= REMEMBERED:
            self._look_again_at.clear()
        self._look_again_at[missing] = self._clock.monotonic() + LOOK_AGAIN_S


@dataclass(frozen=True, slots=True)
class Credentials:
    """Everything that calls go out with."""

    tokens: Tokens
    provider_keys: ProviderKeys

    def of(self, permit: Permit, destination: Destination) -> Credential:
        """Raises BadRequest, Forbidden or Unavailable when this customer's calls cannot go there."""
        require_callable(permit.credential_mode, destination.provider)
        token = self.tokens.of(destination.account_id)
        if token is None:
            raise refusals.gateway_not_ready()
        return Credential(token, self.provider_keys.of(permit, destination.provider))
