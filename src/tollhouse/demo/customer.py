"""The demo's customer: made once, found again, told to whoever started it.

What it made is written to `<data_dir>/demo.json` (readable by its owner only) before it is committed, so that a
start which was cut short can be repeated. Its past (`history.py`) is written before anybody is told where it is,
so that the first look finds it; not where Cloudflare or Stripe are real, because nobody was ever charged for it.
"""

import json
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from tollhouse.access import keys as access_keys
from tollhouse.access.keys import KeySearch
from tollhouse.control.callers import Actor, Person
from tollhouse.control.context import ControlContext
from tollhouse.control.keys import service as keys
from tollhouse.control.keys.service import Owner
from tollhouse.control.onboarding.registration import Registration, register
from tollhouse.control.passwords import Passwords
from tollhouse.control.people import invitations, teams, tokens, users
from tollhouse.control.people.invitations import Wanted
from tollhouse.control.people.tokens import TokenTerms
from tollhouse.db.pool import Connection
from tollhouse.demo.cast import DOMAIN, EMAIL, INVITED, KEYS, LIMITS, MAIN, PEOPLE, SHARED, TEAMS, KeyRole, LimitRole
from tollhouse.demo.days import DAYS
from tollhouse.demo.files import write_private
from tollhouse.demo.history import write_history
from tollhouse.foundation.ids import CustomerId, TeamId, UserId
from tollhouse.foundation.money import Nanos
from tollhouse.foundation.secrets import Secret
from tollhouse.ledger import limits
from tollhouse.ledger.limits import Window
from tollhouse.ledger.protocol import Scope
from tollhouse.settings import Settings


@dataclass(frozen=True, slots=True)
class Demo:
    """The content of demo.json."""

    base_url: str
    dashboard_url: str
    email: str
    password: str
    api_token: str
    customer_id: str
    virtual_key: str
    team_key: str
    emulator_url: str | None
    trace_secret: str


async def prepare(context: ControlContext, settings: Settings, base_url: str, emulator_url: str | None) -> Demo:
    """Seed what is not there yet, and write demo.json anew with today's addresses."""
    place = settings.data_dir / "demo.json"
    demo = _read(place)
    if demo is None or not await _exists(context, demo.customer_id):
        demo = await _seed(context, settings, place)
    if emulator_url is not None and context.billing is None:
        await write_history(context, CustomerId(demo.customer_id), emulator_url)
    demo = replace(demo, base_url=base_url, dashboard_url=f"{base_url}/", emulator_url=emulator_url)
    write_private(place, json.dumps(asdict(demo), indent=2) + "\n")
    return demo


async def _seed(context: ControlContext, settings: Settings, place: Path) -> Demo:
    """The demo customer. demo.json is complete before the last commit, so nothing that was made is unknown."""
    password = secrets.token_urlsafe(12)
    passwords = Passwords()
    everyones = await passwords.hash(Secret(password))
    await _forget_half_made(context)
    given = Registration("Demo Inc.", EMAIL, Secret(password), "Admin")
    registered = await register(replace(context, registration_open=True), passwords, given)
    customer_id = registered.customer.id
    admin = Actor(customer_id, registered.user.id, user_id=registered.user.id)
    trace_secret = settings.trace_ingest_secret
    async with context.database.transaction() as connection:
        made = await _cast(connection, admin, everyones)
        await users.date_joining(connection, customer_id, context.clock.now() - timedelta(days=DAYS + 1))
        token = await tokens.create_token(connection, admin, registered.user.id, TokenTerms("demo token"))
        raw = await _keys(connection, admin, made, context.clock.now())
        for limit in LIMITS:
            await _limit(connection, customer_id, made, limit)
        demo = Demo(
            base_url="",
            dashboard_url="",
            email=EMAIL,
            password=password,
            api_token=token.raw.reveal(),
            customer_id=customer_id,
            virtual_key=raw[MAIN.terms.name],
            team_key=raw[SHARED.terms.name],
            emulator_url=None,
            trace_secret=trace_secret.get_secret_value() if trace_secret else secrets.token_hex(16),
        )
        write_private(place, json.dumps(asdict(demo), indent=2) + "\n")
    await _invite(context, registered.user, f"{INVITED}@{DOMAIN}")
    return demo


@dataclass(frozen=True, slots=True)
class _Cast:
    """Ids by name."""

    people: Mapping[str, UserId]
    teams: Mapping[str, TeamId]


async def _cast(connection: Connection, admin: Actor, password_hash: str) -> _Cast:
    people: dict[str, UserId] = {} if admin.user_id is None else {"admin": admin.user_id}
    for name, role in PEOPLE:
        shown = name.capitalize().replace("-", " ")
        made = await users.create_user(connection, admin, f"{name}@{DOMAIN}", shown, role, password_hash=password_hash)
        people[name] = made.id
    made_teams: dict[str, TeamId] = {}
    for name, members in TEAMS:
        made_teams[name] = (await teams.create_team(connection, admin, name)).id
        for person, place in members:
            await teams.add_member(connection, admin, made_teams[name], people[person], place)
    return _Cast(people, made_teams)


async def _keys(connection: Connection, admin: Actor, cast: _Cast, now: datetime) -> dict[str, str]:
    """Their raw keys, by name. They are as old as their past, and the first of them is the newest."""
    raw = {}
    for place, role in enumerate(KEYS):
        made_at = now - timedelta(days=DAYS, hours=place)
        owner = Owner(cast.people.get(role.person or ""), cast.teams.get(role.team or ""))
        issued = await keys.issue(connection, admin, owner, _terms(role, now), made_at=made_at)
        raw[role.terms.name] = issued.raw_key
    return raw


def _terms(role: KeyRole, now: datetime) -> access_keys.KeyTerms:
    days = role.expires_in_days
    return role.terms if days is None else replace(role.terms, expires_at=now + timedelta(days=days))


async def _limit(connection: Connection, customer_id: CustomerId, cast: _Cast, role: LimitRole) -> None:
    scope = Scope("customer", customer_id)
    if role.team is not None:
        scope = Scope("team", cast.teams[role.team])
    elif role.person is not None:
        scope = Scope("user", cast.people[role.person])
    window = Window(Nanos(role.usd * 1_000_000_000), role.reset, "", (50, 80, 95))
    await limits.replace(connection, customer_id, scope, [window])


async def _invite(context: ControlContext, admin: users.User, email: str) -> None:
    """Somebody who has not come yet."""
    person = Person(
        admin.id, admin.customer_id, admin.email, admin.name, "admin", frozenset(), "session", credential_id="demo"
    )
    await invitations.invite(context.database, person, Wanted(email, "", "member"), context.clock.now())


async def _forget_half_made(context: ControlContext) -> None:
    """A demo customer whose demo.json is gone or was never finished cannot be signed in to: make it anew."""
    async with context.database.transaction() as connection:
        await connection.execute("DELETE FROM customers WHERE email = $1", EMAIL)


async def _exists(context: ControlContext, customer_id: str) -> bool:
    """Whether the seed was finished: the keys come last."""
    async with context.database.connection() as connection:
        found = await access_keys.search(connection, CustomerId(customer_id), KeySearch(most=1), context.clock.now())
    return bool(found)


def welcome(demo: Demo) -> str:
    """What the terminal shows: where to look, how to sign in, and two snippets that work as pasted."""
    return f"""
Tollhouse is running. Everything below is also in demo.json in the data directory.

  API          {demo.base_url}/v1        (OpenAPI: {demo.base_url}/v1/openapi.json)
  Sign in      {demo.email}  /  {demo.password}
               (also manager@ and member-1@ to member-4@{DOMAIN}, same password)
  Virtual key  {demo.virtual_key}
  Team key     {demo.team_key}
  Cloudflare   {demo.emulator_url + " (emulated; its book: /_emulator/book)" if demo.emulator_url else "the real one"}

Try it with curl:

  curl -s {demo.base_url}/v1/ai/chat/completions \\
    -H 'Authorization: Bearer {demo.virtual_key}' -H 'Content-Type: application/json' \\
    -d '{{"model": "gpt-4o-mini", "messages": [{{"role": "user", "content": "Hello!"}}]}}'

or with the openai package (pip install openai):

  python3 - <<'PY'
from openai import OpenAI
client = OpenAI(base_url="{demo.base_url}/v1/ai", api_key="{demo.virtual_key}")
answer = client.chat.completions.create(model="gpt-4o-mini", messages=[{{"role": "user", "content": "Hello!"}}])
print(answer.choices[0].message.content)
PY

Stop with Ctrl-C; calls in flight are finished first.
"""


def _read(place: Path) -> Demo | None:
    try:
        return Demo(**json.loads(place.read_text()))
    except (OSError, ValueError, TypeError):
        return None
