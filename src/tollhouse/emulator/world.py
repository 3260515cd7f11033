"""Everything the emulator remembers, in one place with one owner: the app that is made by `create`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tollhouse.emulator.book import Book, CallRow, Leak, Models
from tollhouse.emulator.call_logs import CallLogs
from tollhouse.emulator.credentials import Account
from tollhouse.emulator.faults_to_come import FaultsToCome
from tollhouse.emulator.gateways import Gateway, Shelf
from tollhouse.emulator.limits import Fences
from tollhouse.emulator.paths import WITHOUT_UNIFIED_BILLING
from tollhouse.emulator.provider import PromptCache
from tollhouse.emulator.received import RequestLog
from tollhouse.emulator.response_cache import ResponseCache
from tollhouse.emulator.scripts import Scripts
from tollhouse.emulator.state_file import (
    CallBooked,
    Cleared,
    GatewayRemoved,
    GatewaySaved,
    LeakSeen,
    Record,
    StateFile,
)
from tollhouse.foundation.clock import Clock, SystemClock


@dataclass(frozen=True, slots=True)
class EmulatorConfig:
    """What the emulated world is like.

    `accounts`: account id -> Cloudflare tokens it accepts, on both planes. `catalog` prices the provider's models.
    `provider_keys` are provider credentials that callers may bring themselves; `stored_keys` are providers whose
    key lies at Cloudflare for every gateway (the rest goes through Unified Billing). The quota's and the
    duplicate's answers are guesses, so they are settings.
    """

    accounts: Mapping[str, frozenset[str]]
    catalog: Models
    gateway_quota: int = 20
    state_file: Path | None = None
    provider_keys: frozenset[str] = frozenset()
    stored_keys: frozenset[str] = WITHOUT_UNIFIED_BILLING
    quota_status: int = 403
    quota_code: int = 7009
    duplicate_status: int = 400
    unified_calls_per_minute: int = 0
    """Cloudflare allows 200 a gateway; 0 lets load tests through."""
    latency_s: float = 0
    chunk_delay_s: float = 0
    clock: Clock = field(default_factory=SystemClock)


class World:
    """Owns all state. `close` ends writing to the state file."""

    def __init__(self, config: EmulatorConfig) -> None:
        self.config = config
        self.clock = config.clock
        self.accounts = {
            name: Account(frozenset(tokens), config.provider_keys, config.stored_keys)
            for name, tokens in config.accounts.items()
        }
        self.shelf = Shelf(self._gateway_saved, self._gateway_removed)
        self.book = Book()
        self.scripts = Scripts()
        self.requests = RequestLog()
        self.answers = ResponseCache()
        self.prompts = PromptCache()
        self.fences = Fences()
        self.logs = CallLogs()
        self.management_faults = FaultsToCome()
        self.in_flight = 0
        self._file: StateFile | None = None
        if config.state_file is not None:
            self._restore(StateFile(config.state_file))

    def now_s(self) -> float:
        return self.clock.now().timestamp()

    def enter(self, row: CallRow, metadata: Mapping[str, str]) -> None:
        """Write a call into the book and the state file."""
        self.book.enter(row, metadata)
        self._append(CallBooked(row, dict(metadata)))

    def leak(self, leak: Leak) -> None:
        self.book.leak(leak)
        self._append(LeakSeen(leak))

    def reset(self, *, gateways: bool) -> None:
        """Forget everything but the gateways; them too if asked."""
        self._append(Cleared(gateways))
        self._clear(gateways=gateways)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def _clear(self, *, gateways: bool) -> None:
        self.book.clear()
        self.scripts.clear()
        self.requests.clear()
        self.answers.clear()
        self.prompts.clear()
        self.fences.clear()
        self.logs.clear()
        self.management_faults.clear()
        if gateways:
            self.shelf.clear()

    def _restore(self, file: StateFile) -> None:
        for record in file.read():
            self._replay(record)
        self._file = file

    def _replay(self, record: Record) -> None:
        match record:
            case GatewaySaved():
                self.shelf.restore(record.account, record.gateway)
            case GatewayRemoved():
                self.shelf.forget(record.account, record.gateway_id)
            case CallBooked():
                self.book.enter(record.row, record.metadata)
            case LeakSeen():
                self.book.leak(record.leak)
            case Cleared():
                self._clear(gateways=record.gateways)

    def _gateway_saved(self, account: str, gateway: Gateway) -> None:
        self._append(GatewaySaved(account, gateway))

    def _gateway_removed(self, account: str, gateway_id: str) -> None:
        self._append(GatewayRemoved(account, gateway_id))

    def _append(self, record: Record) -> None:
        if self._file is not None:
            self._file.append(record)
