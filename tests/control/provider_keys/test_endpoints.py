"""`/v1/customers/me/provider-keys`: stored for admins, by admins, and never shown to anybody again."""

from pathlib import Path
from typing import Any

import pytest

from control.house import House, Member, refusal
from making import customer
from tollhouse.access import provider_keys
from tollhouse.foundation.ids import CustomerId
from tollhouse.foundation.sealing import BrokenSeal
from tollhouse.master_keys import MasterKeys

KEYS = "/v1/customers/me/provider-keys"
SECRET = "sk-tenant-canary-0123456789"


async def _put(who: Member, provider: str = "openai", secret: str = SECRET) -> dict[str, Any]:
    answer = await who.api.put(f"{KEYS}/{provider}", json={"secret": secret})
    assert answer.status_code == 200, answer.text
    assert secret not in answer.text
    shown: dict[str, Any] = answer.json()["provider_key"]
    return shown


async def _opened(house: House, customer_id: CustomerId, provider: str) -> str:
    async with house.context.database.connection() as connection:
        found = await provider_keys.find(connection, customer_id, provider)
    assert found is not None
    return house.context.keyrings.keyring().open(found.envelope, customer_id, provider).reveal()


async def test_a_key_is_stored_listed_replaced_and_taken_away(house: House, admin: Member) -> None:
    assert (await admin.api.get(KEYS)).json() == {"provider_keys": []}
    made = await _put(admin)
    assert (made["provider"], made["display"], made["created_by"]) == ("openai", "6789", admin.id)
    await _put(admin, "gemini", "AIza-0123456789-abcd")
    listed = (await admin.api.get(KEYS)).json()["provider_keys"]
    assert [one["provider"] for one in listed] == ["google-ai-studio", "openai"]
    assert listed[1] == made
    assert listed[0].keys() == {"provider", "display", "created_at", "created_by"}
    assert await _opened(house, admin.customer_id, "openai") == SECRET
    another = await house.member(admin.customer_id, "admin")
    replaced = await _put(another, secret="sk-replaced-wxyz")
    assert (replaced["display"], replaced["created_by"]) == ("wxyz", another.id)
    assert await _opened(house, admin.customer_id, "openai") == "sk-replaced-wxyz"
    for _ in range(2):
        assert (await admin.api.delete(f"{KEYS}/openai")).status_code == 204
    assert [one["provider"] for one in (await admin.api.get(KEYS)).json()["provider_keys"]] == ["google-ai-studio"]


async def test_changes_are_audited_without_the_secret(house: House, admin: Member) -> None:
    await _put(admin)
    await _put(admin, secret="sk-replaced-wxyz")
    for _ in range(2):
        await admin.api.delete(f"{KEYS}/openai")
    lines = await house.fetch("SELECT * FROM audit_log WHERE action LIKE 'provider_key.%' ORDER BY id")
    assert [(line["action"], line["actor"], line["subject"], line["before"], line["after"]) for line in lines] == [
        ("provider_key.set", admin.id, "openai", None, {"display": "6789"}),
        ("provider_key.set", admin.id, "openai", {"display": "6789"}, {"display": "wxyz"}),
        ("provider_key.delete", admin.id, "openai", {"display": "wxyz"}, None),
    ]
    stored = str(lines) + str(await house.fetch("SELECT p::text FROM provider_keys p"))
    assert SECRET not in stored


@pytest.mark.parametrize(
    ("provider", "code", "says"),
    [
        ("nobody", "provider_unknown", "known are anthropic, "),
        ("azure-openai", "provider_unknown", "known are"),
        ("custom-mine", "provider_unknown", "known are"),
        ("%00", "provider_unknown", "known are"),
        ("x" * 101, "invalid_field", "100"),
        ("aws-bedrock", "provider_key_not_supported", "one plain key"),
        ("vertex", "provider_key_not_supported", "google-vertex-ai"),
        ("workers-ai", "provider_key_not_supported", "installation's own token"),
    ],
)
async def test_providers_that_take_no_plain_key_are_refused(
    busy_house: House, provider: str, code: str, says: str
) -> None:
    async with busy_house.context.database.connection() as connection:
        admin = await busy_house.member(await customer(connection), "admin")
    answers = [
        await admin.api.put(f"{KEYS}/{provider}", json={"secret": SECRET}),
        await admin.api.delete(f"{KEYS}/{provider}"),
    ]
    for answer in answers:
        assert refusal(answer) == (422, code)
        assert says in answer.json()["error"]["message"]
        assert answer.json()["error"]["param"] == "provider"
    assert "aws-bedrock" not in answers[0].json()["error"]["message"] or provider == "aws-bedrock"


@pytest.mark.parametrize(
    "secret",
    [
        "",
        "short",
        "x" * 501,
        "two words here",
        "tab\there-there",
        "line\nfeed-feed",
        "nul\x00nul-nul",
        "schlüssel-1",
        7,
        None,
    ],
)
async def test_what_cannot_stand_in_a_header_is_refused_and_not_repeated(busy_house: House, secret: object) -> None:
    async with busy_house.context.database.connection() as connection:
        admin = await busy_house.member(await customer(connection), "admin")
    answer = await admin.api.put(f"{KEYS}/openai", json={"secret": secret})
    assert refusal(answer) == (422, "invalid_field")
    assert answer.json()["error"]["param"] == "secret"
    assert not secret or str(secret) not in answer.json()["error"]["message"]
    assert refusal(await admin.api.put(f"{KEYS}/openai", json={"secret": SECRET, "provider": "x"}))[0] == 422
    assert (await admin.api.get(KEYS)).json() == {"provider_keys": []}


async def test_it_is_for_admins_and_for_their_own_customer(house: House, admin: Member) -> None:
    await _put(admin)
    for role in ("member", "manager"):
        who = await house.member(admin.customer_id, role)
        assert refusal(await who.api.get(KEYS)) == (403, "forbidden")
        assert refusal(await who.api.put(f"{KEYS}/openai", json={"secret": SECRET})) == (403, "forbidden")
        assert refusal(await who.api.delete(f"{KEYS}/openai")) == (403, "forbidden")
    async with house.context.database.connection() as connection:
        stranger = await house.member(await customer(connection), "admin")
    assert (await stranger.api.get(KEYS)).json() == {"provider_keys": []}
    assert (await stranger.api.delete(f"{KEYS}/openai")).status_code == 204
    assert len((await admin.api.get(KEYS)).json()["provider_keys"]) == 1


async def test_a_row_that_was_copied_to_another_customer_does_not_open(house: House, admin: Member) -> None:
    await _put(admin)
    async with house.context.database.connection() as connection:
        other = await customer(connection)
        await connection.execute(
            "INSERT INTO provider_keys (customer_id, provider, sealed, wrapped, master_key_id, display) "
            "SELECT $1, provider, sealed, wrapped, master_key_id, display FROM provider_keys",
            other,
        )
    with pytest.raises(BrokenSeal):
        await _opened(house, other, "openai")


async def test_without_master_keys_nothing_is_stored_and_it_is_no_fault_of_the_callers(
    house: House, admin: Member, tmp_path: Path
) -> None:
    (tmp_path / "secret.key").write_text("short")
    keyless = await house.but(keyrings=MasterKeys(provider_keys.PURPOSE, tmp_path)).visitor()
    keyless.headers["Authorization"] = admin.api.headers["Authorization"]
    answer = await keyless.put(f"{KEYS}/openai", json={"secret": SECRET})
    assert refusal(answer) == (503, "secrets_unavailable")
    assert str(tmp_path) not in answer.text
    assert (await admin.api.get(KEYS)).json() == {"provider_keys": []}


async def test_the_mode_can_be_chosen_by_admins(house: House, admin: Member) -> None:
    changed = await admin.api.patch("/v1/customers/me", json={"credential_mode": "pass-through"})
    assert changed.json()["customer"]["settings"]["credential_mode"] == "pass-through"
