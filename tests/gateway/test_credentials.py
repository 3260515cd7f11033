"""What a call goes out with: opened once, remembered within bounds, and refused before anything else happens."""

from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from making import ManualClock, master_keys
from tollhouse.access.permits import Permit
from tollhouse.cloudflare.routes import route_of
from tollhouse.foundation.errors import BadRequest, Forbidden, StartupError, Unavailable
from tollhouse.foundation.ids import CustomerId, KeyId
from tollhouse.foundation.sealing import Envelope, Keyring
from tollhouse.foundation.secrets import Secret
from tollhouse.gateway import credentials
from tollhouse.gateway.authorize import Destination
from tollhouse.gateway.credentials import Credentials, ProviderKeys, Tokens
from tollhouse.master_keys import MasterKeys

SECRET = Secret("sk-tenant-canary-0123456789")
OLD, BOTH = master_keys().keyring(), master_keys("current master key", current="next").keyring()


@dataclass
class Counting:
    """Keyrings that count how often they are read again."""

    now: Keyring
    next: Keyring | None = None
    read: int = 0

    def keyring(self) -> Keyring:
        return self.now

    def latest(self) -> Keyring:
        self.read += 1
        if self.next is None:
            raise StartupError("the file is gone")
        self.now = self.next
        return self.now


def a_permit(mode: str = "pass-through", customer: str = "c1", **keys: Envelope) -> Permit:
    return Permit(
        KeyId("k"), "k", CustomerId(customer), None, None, False, None, (), None, "strict", "ready", "g", "a", mode,
        provider_keys=keys,
    )  # fmt: skip


def sealed(ring: Keyring = OLD, customer: str = "c1", provider: str = "openai", secret: Secret = SECRET) -> Envelope:
    return ring.seal(secret, customer, provider)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def test_a_key_is_opened_once(monkeypatch: pytest.MonkeyPatch, clock: ManualClock) -> None:
    envelope, genuine = sealed(), Keyring.open
    asked: list[Envelope] = []

    def counted(ring: Keyring, envelope: Envelope, *owner: str) -> Secret:
        asked.append(envelope)
        return genuine(ring, envelope, *owner)

    monkeypatch.setattr(Keyring, "open", counted)
    keys = ProviderKeys(Counting(OLD), clock)
    for _ in range(3):
        again = Envelope(envelope.sealed, envelope.wrapped, envelope.master_key_id)  # as a permit that was read anew
        assert keys.of(a_permit(openai=again), "openai") == SECRET
    assert len(asked) == 1
    with pytest.raises(Unavailable):
        keys.of(a_permit(customer="c2", openai=envelope), "openai")
    assert "canary" not in repr(keys.of(a_permit(openai=envelope), "openai"))


@pytest.mark.parametrize("mode", ["unified", "byok", "workers-ai"])
def test_no_key_goes_along_where_somebody_else_pays(mode: str, clock: ManualClock) -> None:
    keys = ProviderKeys(Counting(OLD), clock)
    assert keys.of(a_permit(mode, openai=sealed()), "openai") is None
    assert keys.of(a_permit(), "workers-ai") is None


def test_a_key_that_is_not_stored_is_for_an_admin_to_add(clock: ManualClock) -> None:
    keys = ProviderKeys(Counting(OLD), clock)
    with pytest.raises(Forbidden, match="Ask your admin to add one") as refused:
        keys.of(a_permit(groq=sealed(provider="groq")), "openai")
    assert (refused.value.status, refused.value.code) == (403, "provider_key_missing")


def test_the_memory_is_bounded_and_what_is_used_stays(monkeypatch: pytest.MonkeyPatch, clock: ManualClock) -> None:
    monkeypatch.setattr(credentials, "REMEMBERED", 3)
    keys, mine = ProviderKeys(Counting(OLD), clock), a_permit(openai=sealed())
    keys.of(mine, "openai")
    for number in range(5):
        keys.of(a_permit(customer=str(number), openai=sealed(customer=str(number))), "openai")
        keys.of(mine, "openai")
    assert len(keys._opened) == 3
    assert ("c1", "openai", mine.provider_keys["openai"]) in keys._opened


def test_a_master_key_that_was_made_since_is_found(clock: ManualClock) -> None:
    rings = Counting(OLD, next=BOTH)
    keys = ProviderKeys(rings, clock)
    assert keys.of(a_permit(openai=sealed(BOTH)), "openai") == SECRET
    assert rings.read == 1
    assert keys.of(a_permit(openai=sealed(OLD)), "openai") == SECRET
    assert keys.of(a_permit(groq=sealed(BOTH, provider="groq")), "groq") == SECRET
    assert rings.read == 1


def test_one_that_nobody_knows_is_looked_for_once_a_second_and_said_as_often(
    monkeypatch: pytest.MonkeyPatch, clock: ManualClock
) -> None:
    rings = Counting(OLD, next=OLD)
    keys, stranger = ProviderKeys(rings, clock), master_keys(current="lost").keyring()
    with capture_logs() as said:
        for _ in range(5):
            with pytest.raises(Unavailable) as refused:
                keys.of(a_permit(openai=sealed(stranger)), "openai")
        assert refused.value.code == "provider_key_unreadable"
        assert rings.read == len(said) == 1
        assert stranger.current_id in str(said)
        assert "canary" not in str(said)
        clock.advance(credentials.LOOK_AGAIN_S)
        rings.next = Keyring("tollhouse: provider keys", [Secret("lost".ljust(32, "."))])
        assert keys.of(a_permit(openai=sealed(stranger)), "openai") == SECRET
    monkeypatch.setattr(credentials, "REMEMBERED", 1)
    with pytest.raises(Unavailable):
        keys.of(a_permit(openai=sealed(BOTH)), "openai")
    assert list(keys._look_again_at) == [BOTH.current_id]


def test_master_keys_that_cannot_be_read_any_more_leave_those_that_were(clock: ManualClock) -> None:
    keys = ProviderKeys(Counting(OLD), clock)
    with capture_logs() as said, pytest.raises(Unavailable):
        keys.of(a_permit(openai=sealed(BOTH)), "openai")
    assert "the file is gone" in str(said)
    assert keys.of(a_permit(openai=sealed()), "openai") == SECRET


def test_a_row_that_was_changed_is_refused(clock: ManualClock) -> None:
    keys = ProviderKeys(Counting(OLD), clock)
    for broken in (replace(sealed(), sealed=bytes(50)), sealed(customer="c2"), sealed(provider="groq")):
        with pytest.raises(Unavailable):
            keys.of(a_permit(openai=broken), "openai")


def test_a_file_with_a_new_master_key_is_read_while_calls_are_made(tmp_path: Path, clock: ManualClock) -> None:
    ours, rotated = MasterKeys("tollhouse: provider keys", tmp_path), MasterKeys("tollhouse: provider keys", tmp_path)
    keys, before = ProviderKeys(ours, clock), sealed(ours.keyring())
    assert keys.of(a_permit(openai=before), "openai") == SECRET
    rotated.renew()
    after = rotated.latest().rewrap(before, "c1", "openai")
    assert after != before
    assert keys.of(a_permit(openai=after), "openai") == SECRET


# All of it -------------------------------------------------------------------------------------------------


def destination(provider: str, account: str = "a") -> Destination:
    route = route_of(provider)
    assert route is not None
    return Destination(provider, "m", route, None, account, "g")


def test_a_call_has_cloudflares_token_and_perhaps_a_key(clock: ManualClock) -> None:
    held = Credentials(Tokens({"a": Secret("token")}), ProviderKeys(Counting(OLD), clock))
    found = held.of(a_permit(openai=sealed()), destination("openai"))
    assert (found.token, found.provider_key) == (Secret("token"), SECRET)
    assert held.of(a_permit("unified"), destination("openai")).provider_key is None
    with pytest.raises(Unavailable) as refused:
        held.of(a_permit("unified"), destination("openai", "another"))
    assert refused.value.code == "gateway_not_ready"
    for mode, provider in (("workers-ai", "openai"), ("pass-through", "aws-bedrock")):
        with pytest.raises(BadRequest) as unavailable:
            held.of(a_permit(mode), destination(provider))
        assert unavailable.value.code == "provider_not_available"
