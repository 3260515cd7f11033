"""T6, power cuts: a node goes down with all its processes, and its disk has less than was written to it.

No machine loses its power here: the disk is played. Every process of the node is killed at once, each journal is cut
back to a place of chance behind what the book had been told (only what is durable is told to the book), often in the
middle of a record, and the node comes back believing that the machine was started anew. Real cuts take the last ten
milliseconds; these take up to a quarter of a second, everything since the last flush.

With `TOLLHOUSE_JOURNAL_SYNC=strict` a call is sent only when its reservation is durable. In those rounds the cut spares
every reservation whose call the provider has seen, and then no call may be without its entry.
"""

import asyncio
import random
from collections import defaultdict
from collections.abc import AsyncIterator, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from uuid import uuid4

import msgspec
import psutil

from campaigns import books
from campaigns.ground import Ground, family, opened, scripted
from campaigns.load import Order, Tally, chat, drive
from campaigns.nodes import Node
from campaigns.result import Result, Scale
from campaigns.t04_kills import MAX_TOKENS, NARROW, WIDE, slow_and_fast
from tollhouse.access.keys import NewKey
from tollhouse.emulator.state_file import CallBooked, Record
from tollhouse.ledger import frames, records
from tollhouse.ledger.records import Reserved

_LOADED_S: Final = (0.3, 1.5)
_CLIENTS: Final = 24
_decoder: Final[msgspec.json.Decoder[Record]] = msgspec.json.Decoder(Record)


@dataclass(frozen=True, slots=True)
class Written:
    """One record of a journal: its number, where its frame stands, and whose reservation it is, if it is one."""

    path: Path
    number: int
    begin: int
    end: int
    reserves: str | None


@dataclass(slots=True)
class Cuts:
    """`strict`: the gateways of rounds in which no call may be without its entry."""

    tally: Tally = field(default_factory=Tally)
    strict: set[str] = field(default_factory=set)
    journals: int = 0
    records_lost: int = 0


async def run(scale: Scale) -> Result:
    result = Result("T6 power cuts", scale.full)
    cuts = Cuts()
    async with opened(scale, nodes=1, workers=2, start=False) as ground:
        async with scripted(ground.emulator, lambda: slow_and_fast(ground)):
            for number in range(scale.pick(4, 50)):
                await _round(ground, cuts, strict=number % 2 == 1)
        await _judge(ground, result, cuts)
    return result


async def _round(ground: Ground, cuts: Cuts, *, strict: bool) -> None:
    """Serve, lose power, come back, stop in order."""
    (node,) = ground.nodes
    wide, narrow = await family(ground, WIDE), await family(ground, NARROW)
    if strict:
        cuts.strict |= {f"tollhouse-{await _customer_of(ground, keys[0])}" for keys in (wide, narrow)}
    await node.start(TOLLHOUSE_JOURNAL_SYNC="strict" if strict else "group")
    down = asyncio.Event()
    load = asyncio.create_task(drive([node.port], _CLIENTS, _orders(ground, wide, narrow, down), cuts.tally.add))
    await asyncio.sleep(ground.chance.uniform(*_LOADED_S))
    await _pull_the_plug(node)
    down.set()
    await load
    await books.provider_is_quiet(ground)
    sent = books.truth_of(ground.state).cost.keys() if strict else ()
    await _lose_what_was_not_durable(ground, node, cuts, sent)
    await node.start()
    await node.stop()


async def _customer_of(ground: Ground, made: NewKey) -> str:
    async with ground.database.connection() as connection:
        return str(await connection.fetchval("SELECT customer_id FROM ai_gateway_keys WHERE id = $1", made.key_id))


async def _orders(
    ground: Ground, wide: list[NewKey], narrow: list[NewKey], down: asyncio.Event
) -> AsyncIterator[Order]:
    """Mostly of those who have enough: near a limit every call is flushed at once, and a cut has little to take."""
    number = 0
    while not down.is_set():
        number += 1
        keys = narrow if number % 20 == 0 else wide
        asked = chat(f"Call number {number}.", MAX_TOKENS, stream=number % 3 == 0)
        yield Order(ground.chance.choice(keys).raw_key, asked)


async def _pull_the_plug(node: Node) -> None:
    """The supervisor first: it would start workers again."""
    supervisor = psutil.Process(node.pid)
    workers = supervisor.children(recursive=True)
    for process in (supervisor, *workers):
        process.kill()
    await node.wait()
    while any(_lives(worker) for worker in workers):
        await asyncio.sleep(0.02)


def _lives(process: psutil.Process) -> bool:
    """Who is orphaned may stay a zombie for ever, where nobody reaps."""
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


async def _lose_what_was_not_durable(ground: Ground, node: Node, cuts: Cuts, sent: Collection[str]) -> None:
    async with ground.database.connection() as connection:
        marks = await connection.fetch("SELECT worker_id, epoch, acked_seq FROM ledger_marks WHERE state <> 'closed'")
    acked = {(mark["worker_id"], mark["epoch"]): mark["acked_seq"] for mark in marks}
    for slot in sorted((node.data_dir / "workers").iterdir()):
        files = sorted((slot / "journal").glob("*.journal"))
        epoch = max((_epoch(path) for path in files), default=0)
        known = acked.get(((slot / "id").read_text().strip(), epoch))
        if known is not None:
            cuts.records_lost += cut([path for path in files if _epoch(path) == epoch], known, sent, ground.chance)
            cuts.journals += 1


def _epoch(path: Path) -> int:
    return int(path.name.partition("-")[0])


def cut(files: list[Path], acked: int, sent: Collection[str], chance: random.Random) -> int:
    """Cut the journal of one epoch somewhere behind record `acked` and the reservations of `sent`; records lost."""
    written = [record for path in files for record in records_of(path)]
    kept = max([acked, *(record.number for record in written if record.reserves in sent)])
    behind = [record for record in written if record.number > kept]
    boot = str(uuid4())
    first = chance.choice(behind) if behind and chance.random() < 0.9 else None
    for path in files:
        content = bytearray(path.read_bytes())
        if first is not None and path > first.path:
            path.unlink()
            continue
        if path == (first.path if first else None) and first is not None:
            at = chance.randrange(first.begin, first.end)
            content[at:] = bytes(len(content) - at)
        path.write_bytes(_of_another_boot(bytes(content), path, boot))
    return 0 if first is None else sum(record.number >= first.number for record in behind)


def records_of(path: Path) -> Iterator[Written]:
    """The records of one file, in order."""
    content = path.read_bytes()
    found = frames.head_of(content, int(path.stem.rpartition("-")[2]))
    assert found is not None, path
    head, at = found
    number = head.first
    while (payload := frames.payload_at(content, at, number)) is not None:
        record = records.decode(bytes(payload))
        end = at + frames.FRAME_BYTES + len(payload)
        yield Written(path, number, at, end, record.call.call_id if isinstance(record, Reserved) else None)
        at, number = end, number + 1


def _of_another_boot(content: bytes, path: Path, boot: str) -> bytes:
    """The same file, written before the machine was started anew."""
    found = frames.head_of(content, int(path.stem.rpartition("-")[2]))
    assert found is not None, path
    head, end = found
    renamed = frames.head_bytes(msgspec.structs.replace(head, boot_id=boot))
    assert len(renamed) == end
    return renamed + content[end:]


async def _judge(ground: Ground, result: Result, cuts: Cuts) -> None:
    truth = books.truth_of(ground.state)
    gateways = _gateways(ground.state)
    booked = await books.complete_entries(ground.database, truth, within_s=2.0)
    accounts = await books.accounts_of(ground.database)
    may_miss = {call for call, gateway in gateways.items() if gateway not in cuts.strict}
    books.compare(result, truth, booked, may_miss=may_miss)
    books.judge_accounts(result, truth, booked, accounts, may_doubt=True)
    await books.judge_database(result, ground.database)
    _judge_cover(result, truth, gateways, accounts)
    result.figures |= {
        "cuts": cuts.journals, "records lost": cuts.records_lost, "asked": cuts.tally.calls,
        "200": cuts.tally.statuses[200], "broken": cuts.tally.broken,
        "doubt USD": sum(account.doubt for account in accounts.values()) / 1e9,
    }  # fmt: skip
    result.expect(cuts.records_lost > 0, "no cut took anything")


def _gateways(state: Path) -> dict[str, str]:
    """The gateway, and so the customer, of every call that the provider has seen."""
    found: dict[str, str] = {}
    with state.open("rb") as lines:
        for line in lines:
            record = _decoder.decode(line)
            if isinstance(record, CallBooked):
                found[record.row.call_id or ""] = record.row.gateway
    return found


def _judge_cover(
    result: Result,
    truth: books.Truth,
    gateways: Mapping[str, str],
    accounts: Mapping[tuple[int, int], books.Account],
) -> None:
    """What a customer truly owes is within what is spent or in doubt there, itemised or not."""
    true: dict[str, int] = defaultdict(int)
    for call, cost in truth.cost.items():
        true[gateways[call]] += cost
    short, full = [], []
    for account in accounts.values():
        owed = true.get(f"tollhouse-{account.scope_id}", 0)
        if owed > account.spent + account.doubt:
            short.append((account.scope_id, owed))
        if account.limit is not None and max(owed, account.spent + account.doubt + account.set_aside) > account.limit:
            full.append((account.scope_id, owed))
    result.expect(not short, f"{len(short)} customers owe more than is spent or in doubt: {short[:3]}")
    result.expect(not full, f"{len(full)} accounts are beyond their limit: {full[:3]}")
