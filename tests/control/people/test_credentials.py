"""Passwords are changed by their owner or with a link; either way other sessions end."""

import httpx

from control.house import PASSWORD, House, refusal
from making import ManualClock

NEW = "a much better battery"


async def _sign_in(house: House, password: str) -> httpx.Response:
    return await (await house.visitor()).post("/v1/login", json={"email": "ann@example.com", "password": password})


def _change(current: str = PASSWORD, new: str = NEW) -> dict[str, str]:
    return {"current_password": current, "new_password": new}


async def test_a_new_password_counts_and_ends_all_other_sessions(house: House) -> None:
    ann = await house.register("ann@example.com")
    other = await house.visitor()
    other.headers["Cookie"] = (await _sign_in(house, PASSWORD)).headers["set-cookie"].partition(";")[0]
    changed = await ann.post("/v1/me/password", json=_change())
    assert changed.status_code == 200
    assert refusal(await other.get("/v1/me")) == (401, "not_signed_in")
    assert refusal(await ann.get("/v1/me")) == (401, "not_signed_in")
    ann.headers["Cookie"] = changed.headers["set-cookie"].partition(";")[0]
    assert (await ann.get("/v1/me")).json()["csrf_token"] == changed.json()["session"]["csrf_token"]
    assert refusal(await _sign_in(house, PASSWORD)) == (401, "invalid_credentials")
    assert (await _sign_in(house, NEW)).status_code == 200


async def test_the_current_password_must_be_right_and_guessing_is_slowed(house: House) -> None:
    ann = await house.register("ann@example.com")
    answers = [await ann.post("/v1/me/password", json=_change("guess")) for _ in range(11)]
    assert {refusal(answer) for answer in answers[:10]} == {(403, "wrong_password")}
    assert refusal(answers[10]) == (429, "rate_limited")
    short = await ann.post("/v1/me/password", json=_change(new="short"))
    assert refusal(short) == (422, "invalid_field")


async def test_a_token_changes_no_password(house: House) -> None:
    ann = await house.register("ann@example.com")
    raw = (await ann.post("/v1/tokens", json={"name": "ci"})).json()["raw_token"]
    holder = await house.visitor(raw)
    assert refusal(await holder.post("/v1/me/password", json=_change())) == (403, "session_required")


async def test_a_link_sets_a_new_password_once(house: House) -> None:
    ann = await house.register("ann@example.com")
    me = (await ann.get("/v1/me")).json()["user"]["id"]
    first = (await ann.post(f"/v1/users/{me}/password-reset")).json()
    made = (await ann.post(f"/v1/users/{me}/password-reset")).json()
    assert made["link"] == f"http://tollhouse.test/reset-password#token={made['raw_token']}"
    visitor = await house.visitor()
    for raw in (first["raw_token"], "thr_" + "0" * 64, "x", ""):
        answer = await visitor.post("/v1/password-reset", json={"token": raw, "password": NEW})
        assert refusal(answer) == (400, "invalid_token")
    done = await visitor.post("/v1/password-reset", json={"token": made["raw_token"], "password": NEW})
    assert done.json()["user"]["email"] == "ann@example.com"
    assert refusal(await ann.get("/v1/me")) == (401, "not_signed_in")
    again = await visitor.post("/v1/password-reset", json={"token": made["raw_token"], "password": NEW})
    assert refusal(again) == (400, "invalid_token")
    assert (await _sign_in(house, NEW)).status_code == 200
    rows = await house.fetch("SELECT a::text AS row FROM audit_log a")
    assert all(made["raw_token"] not in row["row"] and NEW not in row["row"] for row in rows)


async def test_a_link_ends_after_a_day_and_with_a_disabled_account(house: House, clock: ManualClock) -> None:
    ann = await house.register("ann@example.com")
    me = (await ann.get("/v1/me")).json()["user"]["id"]
    made = (await ann.post(f"/v1/users/{me}/password-reset")).json()
    async with house.context.database.connection() as connection:
        await connection.execute("UPDATE users SET disabled = true")
    visitor = await house.visitor()
    given = {"token": made["raw_token"], "password": NEW}
    assert refusal(await visitor.post("/v1/password-reset", json=given)) == (403, "user_disabled")
    clock.advance(86_400)
    assert refusal(await visitor.post("/v1/password-reset", json=given)) == (400, "invalid_token")


async def test_one_sees_ones_sessions_and_ends_them(house: House) -> None:
    ann = await house.register("ann@example.com")
    await _sign_in(house, PASSWORD)
    listed = (await ann.get("/v1/sessions")).json()["sessions"]
    assert sorted(session["current"] for session in listed) == [False, True]
    other = next(session["id"] for session in listed if not session["current"])
    bob = await house.register("bob@example.com")
    assert refusal(await bob.delete(f"/v1/sessions/{other}"))[0] == 404
    assert refusal(await ann.delete("/v1/sessions/x"))[0] == 404
    assert (await ann.delete(f"/v1/sessions/{other}")).status_code == 204
    assert refusal(await ann.delete(f"/v1/sessions/{other}"))[0] == 404
    assert len((await ann.get("/v1/sessions")).json()["sessions"]) == 1


async def test_one_changes_ones_name(house: House) -> None:
    ann = await house.register("ann@example.com")
    assert (await ann.patch("/v1/me", json={"name": "Ann Other"})).json()["user"]["name"] == "Ann Other"
    assert (await ann.get("/v1/me")).json()["user"]["name"] == "Ann Other"
    assert refusal(await ann.patch("/v1/me", json={"role": "admin"}))[0] == 422
