"""The management API: envelopes, codes, pages, faults on order."""

import httpx
import pytest

from emulator.conftest import Start
from emulator.emulated import ACCOUNT, FLAT, GATEWAY, OTHER, OTHER_TOKEN, TOKEN, Emulated

GATEWAYS = "ai-gateway/gateways"
ONE = f"{GATEWAYS}/{GATEWAY}"


def code(answer: httpx.Response) -> int:
    body = answer.json()
    assert (body["success"], body["result"], body["messages"]) == (False, None, [])
    found: int = body["errors"][0]["code"]
    return found


async def test_a_gateway_lives_through_create_get_update_delete(emulated: Emulated) -> None:
    made = (await emulated.manage("POST", GATEWAYS, FLAT | {"id": "life"})).json()
    assert (made["success"], made["errors"], made["messages"]) == (True, [], [])
    read = (await emulated.manage("GET", f"{GATEWAYS}/life")).json()["result"]
    assert read == made["result"]
    changed = (await emulated.manage("PUT", f"{GATEWAYS}/life", FLAT | {"collect_logs": False})).json()["result"]
    assert (changed["id"], changed["collect_logs"]) == ("life", False)
    gone = await emulated.manage("DELETE", f"{GATEWAYS}/life")
    assert gone.json()["result"]["id"] == "life"
    assert code(await emulated.manage("GET", f"{GATEWAYS}/life")) == 7002


async def test_results_carry_fields_that_no_schema_knows(emulated: Emulated) -> None:
    shown = (await emulated.manage("GET", ONE)).json()["result"]
    assert {"account_id", "internal_id", "wholesale", "not_in_any_schema"} <= shown.keys()
    assert (shown["is_default"], shown["account_tag"]) == (False, ACCOUNT)


async def test_a_ttl_of_null_is_read_back_as_zero(emulated: Emulated) -> None:
    shown = (await emulated.manage("PUT", ONE, FLAT | {"cache_ttl": None})).json()["result"]
    assert shown["cache_ttl"] == 0


async def test_put_replaces_what_it_leaves_out(emulated: Emulated) -> None:
    limits = {"enabled": True, "rules": [{"limit": 5, "limitType": "cost", "window": 60}]}
    await emulated.manage("PUT", ONE, FLAT | {"spend_limits": limits, "retry_max_attempts": 3})
    shown = (await emulated.manage("PUT", ONE, FLAT)).json()["result"]
    assert (shown["spend_limits"], shown["retry_max_attempts"]) == (None, None)


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"id": "Upper"}, ["body", "id"]),
        ({"id": "-a"}, ["body", "id"]),
        ({"id": "a--b"}, ["body", "id"]),
        ({"id": "a-"}, ["body", "id"]),
        ({"id": ""}, ["body", "id"]),
        ({"id": "x" * 65}, ["body", "id"]),
        ({"id": 7}, ["body", "id"]),
        ({"cache_ttl": -1}, ["body", "cache_ttl"]),
        ({"cache_ttl": "0"}, ["body", "cache_ttl"]),
        ({"collect_logs": 1}, ["body", "collect_logs"]),
        ({"collect_logs": None}, ["body", "collect_logs"]),
        ({"rate_limiting_technique": "leaky"}, ["body", "rate_limiting_technique"]),
        ({"log_management": 9_999}, ["body", "log_management"]),
        ({"log_management_strategy": "KEEP"}, ["body", "log_management_strategy"]),
        ({"retry_max_attempts": 6}, ["body", "retry_max_attempts"]),
        ({"retry_delay": 60_001}, ["body", "retry_delay"]),
        ({"workers_ai_billing_mode": "free"}, ["body", "workers_ai_billing_mode"]),
        ({"log_classification": True, "collect_logs": False}, ["body", "log_classification"]),
        ({"otel": [{"url": "https://x"}]}, ["body", "otel[0]", "headers"]),
        (
            {"spend_limits": {"rules": [{"limit": 0, "limitType": "cost", "window": 1}]}},
            ["body", "spend_limits", "rules[0]", "limit"],
        ),
    ],
)
async def test_a_bad_setting_is_named(emulated: Emulated, change: dict[str, object], path: list[str]) -> None:
    answer = await emulated.manage("POST", GATEWAYS, FLAT | {"id": "new"} | change)
    assert (answer.status_code, code(answer)) == (400, 7001)
    assert answer.json()["errors"][0]["path"] == path


@pytest.mark.parametrize("missing", ["id", *sorted(set(FLAT) - {"authentication"})])
async def test_a_missing_setting_is_named(emulated: Emulated, missing: str) -> None:
    body = {name: value for name, value in (FLAT | {"id": "new"}).items() if name != missing}
    answer = await emulated.manage("POST", GATEWAYS, body)
    assert answer.json()["errors"][0]["path"] == ["body", missing]


async def test_a_body_that_is_no_json_is_a_validation_error(emulated: Emulated) -> None:
    answer = await emulated.manage("POST", GATEWAYS, b"{")
    assert (answer.status_code, code(answer)) == (400, 7001)


@pytest.mark.parametrize("status", [400, 409])
async def test_a_taken_id_has_the_code_of_a_validation_error(start: Start, status: int) -> None:
    emulated = await start(duplicate_status=status)
    answer = await emulated.manage("POST", GATEWAYS, FLAT | {"id": GATEWAY})
    assert (answer.status_code, code(answer)) == (status, 7001)


async def test_the_quota_counts_what_stands(start: Start) -> None:
    emulated = await start(gateway_quota=2)
    await emulated.gateway("second")
    over = await emulated.manage("POST", GATEWAYS, FLAT | {"id": "third"})
    assert (over.status_code, code(over)) == (403, 7009)
    await emulated.manage("DELETE", f"{GATEWAYS}/second")
    assert (await emulated.manage("POST", GATEWAYS, FLAT | {"id": "third"})).is_success


@pytest.mark.parametrize(
    ("authorization", "status", "number"),
    [
        (None, 400, 9106),
        ("", 400, 9106),
        (TOKEN, 400, 9106),
        (f"Basic {TOKEN}", 400, 9106),
        ("Bearer", 400, 9106),
        ("Bearer nobodys-token-0123456789", 401, 10000),
        (f"Bearer {OTHER_TOKEN}", 403, 10000),
    ],
)
async def test_who_may_manage(emulated: Emulated, authorization: str | None, status: int, number: int) -> None:
    headers = {} if authorization is None else {"authorization": authorization}
    answer = await emulated.manage("GET", ONE, headers=headers)
    assert (answer.status_code, code(answer)) == (status, number)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/client/v4/accounts/unknown/ai-gateway/gateways"),
        ("GET", f"/client/v4/accounts/{ACCOUNT}/ai-gateway"),
        ("GET", f"/client/v4/accounts/{ACCOUNT}"),
        ("GET", "/client/v4/zones"),
        ("PATCH", f"/client/v4/accounts/{ACCOUNT}/{ONE}"),
        ("POST", f"/client/v4/accounts/{ACCOUNT}/{ONE}"),
        ("GET", f"/client/v4/accounts/{ACCOUNT}/{ONE}/nothing"),
        ("POST", f"/client/v4/accounts/{ACCOUNT}/ai/v1/chat/completions"),
    ],
)
async def test_other_paths_cannot_be_routed(emulated: Emulated, method: str, path: str) -> None:
    answer = await emulated.client.request(method, path, headers={"authorization": f"Bearer {TOKEN}"})
    assert (answer.status_code, code(answer)) == (404, 7003)


@pytest.mark.parametrize(("method", "body"), [("GET", None), ("PUT", FLAT), ("DELETE", None)])
async def test_an_unknown_gateway_is_7002(emulated: Emulated, method: str, body: dict[str, object] | None) -> None:
    answer = await emulated.manage(method, f"{GATEWAYS}/nobody", body)
    assert (answer.status_code, code(answer)) == (404, 7002)


async def test_accounts_do_not_see_each_other(emulated: Emulated) -> None:
    answer = await emulated.client.get(
        f"/client/v4/accounts/{OTHER}/{ONE}", headers={"authorization": f"Bearer {OTHER_TOKEN}"}
    )
    assert code(answer) == 7002


async def test_lists_come_in_pages_of_twenty(start: Start) -> None:
    emulated = await start(gateway_quota=100)
    for number in range(24):
        await emulated.gateway(f"more-{number:02}")
    first = (await emulated.manage("GET", GATEWAYS)).json()
    second = (await emulated.manage("GET", GATEWAYS, params={"page": 2})).json()
    third = (await emulated.manage("GET", GATEWAYS, params={"page": 3})).json()
    assert [len(page["result"]) for page in (first, second, third)] == [20, 5, 0]
    assert second["result_info"] == {"page": 2, "per_page": 20, "count": 5, "total_count": 25}
    found = (await emulated.manage("GET", GATEWAYS, params={"search": "more-1", "per_page": 100})).json()
    assert len(found["result"]) == 10


@pytest.mark.parametrize("query", [{"page": "0"}, {"page": "x"}, {"per_page": "101"}, {"per_page": "-1"}])
async def test_a_bad_page_is_named(emulated: Emulated, query: dict[str, str]) -> None:
    answer = await emulated.manage("GET", GATEWAYS, params=query)
    assert (answer.status_code, code(answer)) == (400, 7001)
    assert answer.json()["errors"][0]["path"] == ["query", next(iter(query))]


async def test_the_url_of_a_provider_is_a_bare_string(emulated: Emulated) -> None:
    shown = (await emulated.manage("GET", f"{ONE}/url/openai")).json()["result"]
    assert shown == f"https://gateway.ai.cloudflare.com/v1/{ACCOUNT}/{GATEWAY}/openai"


@pytest.mark.parametrize(
    ("key", "path"),
    [
        ({"alias": "default", "default_config": True, "provider_slug": "nobody", "secret_id": "s"}, "provider_slug"),
        ({"alias": "default", "default_config": True, "provider_slug": "openai"}, "secret"),
        ({"alias": "default", "default_config": True, "provider_slug": "openai", "secret": "s"}, "secret"),
        ({"alias": "default", "provider_slug": "openai", "secret_id": "s"}, "default_config"),
    ],
)
async def test_a_provider_key_is_checked(emulated: Emulated, key: dict[str, object], path: str) -> None:
    answer = await emulated.manage("POST", f"{ONE}/provider_configs", key)
    assert answer.json()["errors"][0]["path"] == ["body", path]


async def test_a_secret_may_be_given_when_the_gateway_has_a_store(emulated: Emulated) -> None:
    await emulated.manage("PUT", ONE, FLAT | {"store_id": "store"})
    key = {"alias": "default", "default_config": True, "provider_slug": "openai", "secret": "s3cret"}
    made = await emulated.manage("POST", f"{ONE}/provider_configs", key)
    listed = await emulated.manage("GET", f"{ONE}/provider_configs")
    assert made.json()["result"]["provider_slug"] == "openai"
    assert listed.json()["result"] == [made.json()["result"]]
    assert "s3cret" not in listed.text


# Faults on order


async def test_a_504_after_the_commit_leaves_a_gateway_behind(emulated: Emulated) -> None:
    await emulated.order(next=[{"on": "create", "status": 504, "commit": True}])
    lost = await emulated.manage("POST", GATEWAYS, FLAT | {"id": "lost"})
    assert lost.status_code == 504
    assert "json" not in lost.headers["content-type"]
    assert (await emulated.manage("GET", f"{GATEWAYS}/lost")).is_success
    assert code(await emulated.manage("POST", GATEWAYS, FLAT | {"id": "lost"})) == 7001


async def test_a_504_without_commit_leaves_nothing(emulated: Emulated) -> None:
    await emulated.order(next=[{"on": "create", "status": 504}])
    await emulated.manage("POST", GATEWAYS, FLAT | {"id": "lost"})
    assert code(await emulated.manage("GET", f"{GATEWAYS}/lost")) == 7002


async def test_faults_wait_for_the_call_they_are_meant_for(emulated: Emulated) -> None:
    await emulated.order(next=[{"on": "delete", "status": 500, "code": 7000, "times": 2}, {"status": 429, "code": 971}])
    answers = [await emulated.manage("GET", ONE), await emulated.manage("GET", ONE)]
    answers += [await emulated.manage("DELETE", ONE) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [429, 200, 500, 500, 200]
    assert code(answers[2]) == 7000


async def test_an_answer_can_be_lost_after_the_work_is_done(emulated: Emulated) -> None:
    await emulated.order(next=[{"on": "create", "drop": True, "commit": True}])
    with pytest.raises(httpx.RemoteProtocolError):
        await emulated.manage("POST", GATEWAYS, FLAT | {"id": "lost"})
    assert (await emulated.manage("GET", f"{GATEWAYS}/lost")).is_success


async def test_a_late_answer_is_the_usual_answer(emulated: Emulated) -> None:
    await emulated.order(next=[{"on": "get", "latency_ms": 1}])
    assert (await emulated.manage("GET", ONE)).is_success


# The catalogue


async def test_the_models_come_in_two_pages_and_a_wrong_total(emulated: Emulated) -> None:
    pages = [(await emulated.manage("GET", "ai/models/search", params={"page": page})).json() for page in (1, 2, 3)]
    counts = [len(page["result"]) for page in pages]
    assert counts[0] == 20
    assert counts[1] > 0
    assert counts[2] == 0
    assert pages[0]["result_info"]["total_count"] < sum(counts)
    names = [model["name"] for page in pages for model in page["result"]]
    assert len(set(names)) == sum(counts)
    assert all(name.startswith("@cf/") for name in names)


async def test_the_models_are_as_uneven_as_the_real_ones(emulated: Emulated) -> None:
    listed = (await emulated.manage("GET", "ai/models/search", params={"per_page": "100"})).json()["result"]
    properties = [{item["property_id"]: item["value"] for item in model["properties"]} for model in listed]
    assert {type(found["context_window"]) for found in properties if "context_window" in found} == {str, int}
    assert any("price" not in found for found in properties)
    assert any(not found for found in properties)
    assert all(model["id"] != model["name"] for model in listed)
    assert {model["task"]["name"] for model in listed} > {"Text Generation"}


async def test_the_models_can_be_searched(emulated: Emulated) -> None:
    async def names(**query: str) -> list[str]:
        answer = await emulated.manage("GET", "ai/models/search", params={"per_page": "100"} | query)
        return [model["name"] for model in answer.json()["result"]]

    assert await names(search="guard") == ["@cf/meta/llama-guard-3-8b"]
    assert await names(task="Text-to-Image") == ["@cf/black-forest-labs/flux-1-schnell"]
    assert await names(author="defog") == ["@cf/defog/sqlcoder-7b-2"]


async def test_the_models_have_another_format(emulated: Emulated) -> None:
    query = {"format": "openrouter", "search": "gpt-oss-20b"}
    listed = (await emulated.manage("GET", "ai/models/search", params=query)).json()["data"]
    assert listed[0]["pricing"] == {"prompt": "0.0000002000", "completion": "0.0000003000"}


# Logs


async def test_a_log_row_takes_its_time(emulated: Emulated) -> None:
    """Not found, then without its cost, then complete; metadata now an object, now a string."""
    answer = await emulated.call(headers={"cf-aig-metadata": '{"customer":"c1"}'})
    path = f"{ONE}/logs/{answer.headers['cf-aig-log-id']}"
    reads = [await emulated.manage("GET", path) for _ in range(3)]
    assert code(reads[0]) == 7002
    second, third = (read.json()["result"] for read in reads[1:])
    assert second["cost"] is None
    assert third["cost"] == pytest.approx((await emulated.book())["true_cost_nanos"] / 1e9)
    assert {type(second["metadata"]), type(third["metadata"])} == {dict, str}


async def test_logs_may_be_prompt_or_absent(emulated: Emulated) -> None:
    log_id = (await emulated.call()).headers["cf-aig-log-id"]
    await emulated.order(logs="prompt")
    assert (await emulated.manage("GET", f"{ONE}/logs/{log_id}")).json()["result"]["cost"] > 0
    listed = (await emulated.manage("GET", f"{ONE}/logs")).json()
    assert [row["id"] for row in listed["result"]] == [log_id]
    await emulated.order(logs="absent")
    assert code(await emulated.manage("GET", f"{ONE}/logs")) == 7003


@pytest.mark.parametrize(("setting", "header", "kept"), [(True, "false", 0), (False, "true", 1), (False, None, 0)])
async def test_a_header_beats_the_gateways_log_setting(
    emulated: Emulated, setting: bool, header: str | None, kept: int
) -> None:
    await emulated.gateway("logless", collect_logs=setting)
    await emulated.call(gateway="logless", headers={"cf-aig-collect-log": header} if header else {})
    listed = (await emulated.manage("GET", f"{GATEWAYS}/logless/logs")).json()
    assert listed["result_info"]["total_count"] == kept


async def test_logs_come_by_their_time_in_either_direction(emulated: Emulated) -> None:
    made = [(await emulated.call()).headers["cf-aig-log-id"] for _ in range(3)]

    async def listed(**query: str) -> list[str]:
        answer = await emulated.manage("GET", f"{ONE}/logs", params=query)
        return [row["id"] for row in answer.json()["result"]]

    assert await listed() == await listed(order_by="created_at", order_by_direction="desc") == made[::-1]
    assert await listed(order_by_direction="asc", per_page="2") == made[:2]
    for wrong in ({"order_by": "price"}, {"order_by_direction": "down"}):
        assert code(await emulated.manage("GET", f"{ONE}/logs", params=wrong)) == 7001
