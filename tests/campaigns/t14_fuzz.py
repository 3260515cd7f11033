"""T14, nonsense: the API against its own description with three roles, and the parsers against chosen bytes.

Nobody's mistake may be a 5xx, a status that is not described, a crash or a hang.
"""

import asyncio
import json
import re
import sys
from pathlib import Path
from typing import Any, Final

import httpx

import stripe_double
from campaigns.ground import Ground, opened
from campaigns.result import Result, Scale
from making import user
from stripe_meters import WEBHOOK_SECRET
from tollhouse.control.callers import Actor
from tollhouse.control.people import tokens
from tollhouse.control.people.tokens import TokenTerms
from tollhouse.gateway.asgi import CHAT_PATH
from tollhouse.intake.asgi import TRACES_PATH

PARSERS: Final = ("body", "stream", "answer", "journal", "spans")
ROLES: Final = ("admin", "manager", "member")
_CHECKS: Final = (
    "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,ignored_auth"
)
_SPARED: Final = r"/v1/(logout|customers/me/delete|customers/me/(webhook|trace-exporters/.*)/test|tokens/.*)"
"""What would end the caller, or send to strangers."""
_CASES: Final = re.compile(r"(\d[\d,]*) generated")


async def run(scale: Scale) -> Result:
    result = Result("T14 nonsense", scale.full)
    async with stripe_double.running() as stripe, opened(scale, nodes=1, start=False) as ground:
        told = {"STRIPE_SECRET_KEY": stripe_double.SECRET, "STRIPE_API_BASE": stripe.url}
        await ground.start_nodes(STRIPE_WEBHOOK_SECRET=WEBHOOK_SECRET, **told)  # or Stripe's webhook is not there
        for role in ROLES:
            await _against_the_api(ground, result, role)
    for parser in PARSERS:
        await _against_a_parser(scale, result, parser)
    return result


async def _against_the_api(ground: Ground, result: Result, role: str) -> None:
    token = await _token(ground, role)
    base = ground.nodes[0].url
    words = ["run", str(await _description(ground, base)), "--url", base,
             "--header", f"Authorization: Bearer {token}", "--checks", _CHECKS,
             "--max-examples", str(ground.scale.pick(2, 150)), "--exclude-path-regex", _SPARED, "--seed", "14",
             "--continue-on-failure", "--no-color", "--suppress-health-check", "filter_too_much"]  # fmt: skip
    status, said = await _run(ground.scale.folder, "-m", "schemathesis.cli", *words)
    found = _CASES.search(said)
    result.expect(
        await _is_heard(base, token), f"as {role}: the token died on the way, and what came after saw only 401"
    )
    result.figures[f"API as {role}"] = f"{found[1] if found else '?'} cases"
    result.expect(status == 0, f"as {role}: {said[-1500:]}")


async def _description(ground: Ground, base: str) -> Path:
    """The API's own, without what other doors serve, whose parsers are fuzzed below, and without sessions:
    schemathesis would send an invented cookie beside the token, see that the token is believed, and say that
    credentials are ignored.
    """
    async with httpx.AsyncClient() as client:
        described: dict[str, Any] = (await client.get(f"{base}/v1/openapi.json")).json()
    del described["paths"][CHAT_PATH], described["paths"][TRACES_PATH]["post"]
    del described["components"]["securitySchemes"]["session"]
    for operation in (operation for path in described["paths"].values() for operation in path.values()):
        if "security" in operation:
            operation["security"] = [way for way in operation["security"] if "session" not in way]
    place = ground.scale.folder / "openapi.json"
    place.write_text(json.dumps(described))
    return place


async def _is_heard(base: str, token: str) -> bool:
    async with httpx.AsyncClient(headers={"Authorization": f"Bearer {token}"}) as client:
        return (await client.get(f"{base}/v1/me")).status_code == 200


async def _token(ground: Ground, role: str) -> str:
    customer_id = await ground.customer()
    async with ground.database.transaction() as connection:
        person = await user(connection, customer_id, role)
        actor = Actor(customer_id, person, user_id=person)
        return (await tokens.create_token(connection, actor, person, TokenTerms("fuzz"))).raw.reveal()


async def _against_a_parser(scale: Scale, result: Result, parser: str) -> None:
    seconds = int(scale.seconds(3, 600))
    place = scale.folder / parser
    status, said = await _run(scale.folder, "-m", "campaigns.fuzzing", parser, str(seconds), str(place))
    runs = re.findall(r"^#(\d+)\s+DONE", said, re.MULTILINE)
    result.figures[f"{parser}, inputs"] = int(runs[-1]) if runs else 0
    result.expect(status == 0, f"{parser}: {said[-1500:]}")


async def _run(folder: Path, *words: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, *words, cwd=Path(__file__).parents[1],
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    said, _ = await process.communicate()
    (folder / "fuzz.log").open("ab").write(said)
    return process.returncode or 0, said.decode(errors="replace")
