"""The demo: a customer with people, a team and keys, and an emulated Cloudflare when there is no real one.

What it made is written to `<data_dir>/demo.json` (readable by its owner only) before it is committed, so that a
start which was cut short can be repeated. The emulator is a process of its own, as a provider would be: it goes
on when Tollhouse is killed, and the next start finds it and its book again.
"""

import asyncio
import fcntl
import json
import os
import secrets
import signal
import subprocess
import sys
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import IO, Final

import click
import httpx
from pydantic import HttpUrl, SecretStr

from tollhouse.access import keys as access_keys
from tollhouse.access.keys import KeySearch, KeyTerms
from tollhouse.catalog.models import load as load_catalog
from tollhouse.control.callers import Actor, Role
from tollhouse.control.context import ControlContext
from tollhouse.control.keys import service as keys
from tollhouse.control.keys.service import Owner
from tollhouse.control.onboarding.registration import Registration, register
from tollhouse.control.passwords import Passwords
from tollhouse.control.people import teams, tokens, users
from tollhouse.control.people.tokens import TokenTerms
from tollhouse.emulator.server import serve
from tollhouse.emulator.world import EmulatorConfig
from tollhouse.foundation.errors import StartupError
from tollhouse.foundation.ids import CustomerId
from tollhouse.foundation.secrets import Secret
from tollhouse.settings import Settings

DOMAIN: Final = "demo.tollhouse.example"
EMAIL: Final = f"admin@{DOMAIN}"
ACCOUNT: Final = "demo"
_PEOPLE: Final[tuple[tuple[str, Role], ...]] = (("manager", "manager"), ("member-1", "member"), ("member-2", "member"))
_MAIN: Final = KeyTerms("Demo key", Decimal("10.0000"), "monthly")
_TEAM: Final = KeyTerms("Research team", Decimal("25.0000"), "weekly", ("gpt-4o-mini", "claude-*", "gemini-*"))
_NOTEBOOK: Final = KeyTerms("Notebook", Decimal("0.5000"), "daily", ("gpt-4o-mini",))
_UNLIMITED: Final = KeyTerms("Experiments", None, "monthly")
_CENT: Final = KeyTerms("One cent", Decimal("0.0100"))
_GATEWAYS: Final = 1000
"""More than a real account has, so that nobody who tries things out runs into that limit."""
_READY_WITHIN_S: Final = 20.0
_POLL_S: Final = 0.05
_LOOK_AT_LEASH_S: Final = 10.0
_LET_GO_S: Final = 600.0


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


class EmulatorProcess:
    """The emulated Cloudflare beside a demo: found again if it runs, started if not, stopped with us."""

    def __init__(self, data_dir: Path) -> None:
        self._place = data_dir / "emulator.json"
        self._state = data_dir / "emulator.jsonl"
        self._log = data_dir / "emulator.log"
        self._token_file = data_dir / "emulator.token"
        self._leash = _hold_leash(data_dir / "demo.lock")
        self._process: subprocess.Popen[bytes] | None = None
        self.url = ""
        self._pid = 0

    async def start(self) -> None:
        """Until it answers; raises StartupError if it does not."""
        if await self._find_running():
            return
        self._place.unlink(missing_ok=True)
        command = [sys.executable, "-m", "tollhouse", "emulator", "--port", "0", "--state", str(self._state)]
        command += ["--place", str(self._place), "--leash", self._leash.name, "--quota", str(_GATEWAYS)]
        environment = os.environ | {"CF_ACCOUNT_ID": ACCOUNT, "CF_AI_GATEWAY_API_TOKEN": self.token}
        # A session of its own: Ctrl-C in the terminal is for us, and we stop it when our calls are finished.
        # A log of its own as well: it must not keep our caller's pipe open when we are killed.
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: ASYNC220, S603
                command, env=environment, start_new_session=True, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        try:
            async with asyncio.timeout(_READY_WITHIN_S):
                while not await self._find_running():
                    if self._process.poll() is not None:
                        raise StartupError(f"the emulated Cloudflare did not start; its own words are in {self._log}")
                    await asyncio.sleep(_POLL_S)
        except TimeoutError as cause:
            raise StartupError(f"the emulated Cloudflare did not answer within {_READY_WITHIN_S:g} s") from cause

    @property
    def token(self) -> str:
        """The one token it accepts; made once per data directory."""
        if not self._token_file.exists():
            _write_private(self._token_file, secrets.token_hex(24))
        return self._token_file.read_text()

    async def _find_running(self) -> bool:
        try:
            place = json.loads(self._place.read_text())
            async with httpx.AsyncClient(timeout=2) as client:
                answer = await client.get(f"{place['url']}/_emulator/health")
        except (OSError, ValueError, httpx.HTTPError):
            return False
        self.url, self._pid = place["url"], place["pid"]
        return answer.status_code == 200

    async def stop(self) -> None:
        """End it and wait until it has."""
        if self._pid:
            _signal(self._pid, signal.SIGTERM)
            await self._gone()
        self._leash.close()

    async def _gone(self) -> None:
        for _ in range(200):
            if self._process is not None and self._process.poll() is not None:
                return
            if self._process is None and not _alive(self._pid):
                return
            await asyncio.sleep(_POLL_S)
        _signal(self._pid, signal.SIGKILL)


def with_emulator(settings: Settings, emulator: EmulatorProcess) -> Settings:
    """The same settings, with the emulator as Cloudflare."""
    return settings.model_copy(
        update={
            "cf_account_id": ACCOUNT,
            "cf_api_token": SecretStr(emulator.token),
            "cf_api_base": HttpUrl(f"{emulator.url}/client/v4"),
            "cf_gateway_base": HttpUrl(f"{emulator.url}/v1"),
            "gateways_per_account": _GATEWAYS,
        }
    )


@dataclass(frozen=True, slots=True)
class EmulatorOrder:
    """What `tollhouse emulator` was asked to run. `place`: where to say so; `leash`: see `_end_when_let_go`."""

    account: str
    token: str
    host: str
    port: int
    quota: int
    state: Path | None
    place: Path | None
    leash: Path | None
    price_overrides: Path | None


async def run_emulator(order: EmulatorOrder) -> None:
    """Serve an emulated Cloudflare until SIGTERM or SIGINT."""

    def started(url: str) -> None:
        click.echo(f"The emulated Cloudflare is listening on {url}")
        if order.place is not None:
            _write_private(order.place, json.dumps({"url": url, "pid": os.getpid()}))

    config = EmulatorConfig(
        accounts={order.account: frozenset({order.token})},
        catalog=load_catalog(order.price_overrides, datetime.now(UTC).date()),
        gateway_quota=order.quota,
        state_file=order.state,
    )
    watcher = None if order.leash is None else asyncio.create_task(_end_when_let_go(order.leash))
    try:
        await serve(config, order.host, order.port, started)
    finally:
        if watcher is not None:
            watcher.cancel()


async def _end_when_let_go(leash: Path) -> None:
    """End some minutes after nobody holds the lock: a killed demo may be started again and wants its book."""
    free_since = 0.0
    while True:
        await asyncio.sleep(_LOOK_AT_LEASH_S)
        free_since = free_since + _LOOK_AT_LEASH_S if _is_free(leash) else 0.0
        if free_since >= _LET_GO_S:
            os.kill(os.getpid(), signal.SIGTERM)


def _is_free(leash: Path) -> bool:
    try:
        with leash.open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


async def prepare(context: ControlContext, settings: Settings, base_url: str, emulator_url: str | None) -> Demo:
    """Seed what is not there yet, and write demo.json anew with today's addresses."""
    place = settings.data_dir / "demo.json"
    demo = _read(place)
    if demo is None or not await _exists(context, demo.customer_id):
        demo = await _seed(context, settings, place)
    demo = replace(demo, base_url=base_url, dashboard_url=f"{base_url}/", emulator_url=emulator_url)
    _write_private(place, json.dumps(asdict(demo), indent=2) + "\n")
    return demo


async def _seed(context: ControlContext, settings: Settings, place: Path) -> Demo:
    """The demo customer. demo.json is complete before the last commit, so nothing that was made is unknown."""
    password = secrets.token_urlsafe(12)
    passwords = Passwords()
    everyones = await passwords.hash(Secret(password))
    await _forget_half_made(context)
    given = Registration("Demo Inc.", EMAIL, Secret(password), "Demo admin")
    registered = await register(replace(context, registration_open=True), passwords, given)
    customer_id = registered.customer.id
    admin = Actor(customer_id, registered.user.id, user_id=registered.user.id)
    trace_secret = settings.trace_ingest_secret
    async with context.database.transaction() as connection:
        created = [
            await users.create_user(
                connection, admin, f"{name}@{DOMAIN}", f"Demo {name}", role, password_hash=everyones
            )
            for name, role in _PEOPLE
        ]
        first, second = created[1:]
        team = await teams.create_team(connection, admin, "Research")
        await teams.add_member(connection, admin, team.id, first.id, "lead")
        await teams.add_member(connection, admin, team.id, second.id, "member")
        token = await tokens.create_token(connection, admin, registered.user.id, TokenTerms("demo token"))
        main = await keys.issue(connection, admin, Owner(user_id=registered.user.id), _MAIN)
        shared = await keys.issue(connection, admin, Owner(team_id=team.id), _TEAM)
        for owner, terms in ((first, _NOTEBOOK), (first, _UNLIMITED), (second, _CENT)):
            await keys.issue(connection, admin, Owner(user_id=owner.id), terms)
        demo = Demo(
            base_url="",
            dashboard_url="",
            email=EMAIL,
            password=password,
            api_token=token.raw.reveal(),
            customer_id=customer_id,
            virtual_key=main.raw_key,
            team_key=shared.raw_key,
            emulator_url=None,
            trace_secret=trace_secret.get_secret_value() if trace_secret else secrets.token_hex(16),
        )
        _write_private(place, json.dumps(asdict(demo), indent=2) + "\n")
    return demo


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
               (also manager@, member-1@ and member-2@{DOMAIN}, same password)
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


def _write_private(path: Path, text: str) -> None:
    """Whole or not at all, and readable by nobody else."""
    draft = path.with_name(path.name + ".new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    draft.replace(path)


def _hold_leash(path: Path) -> IO[str]:
    """A lock that says "a demo runs here"; the emulator ends some time after nobody holds it any more."""
    lock = path.open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as cause:
        lock.close()
        raise StartupError(f"another demo runs in {path.parent}; stop it or set TOLLHOUSE_DATA_DIR") from cause
    return lock


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
