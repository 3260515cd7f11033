"""Everything that could grow has an end: an emulator may run under load for days."""

import pytest

from tollhouse.emulator import book, call_logs, faults_to_come, limits, provider, response_cache, scripts
from tollhouse.emulator.bodies import BadBody
from tollhouse.emulator.book import Book, CallRow, Leak
from tollhouse.emulator.call_logs import CallLog, CallLogs
from tollhouse.emulator.faults_to_come import FaultsToCome, ManagementFault
from tollhouse.emulator.limits import Tally
from tollhouse.emulator.provider import PromptCache
from tollhouse.emulator.response_cache import ResponseCache
from tollhouse.emulator.scripts import Script, Scripts
from tollhouse.emulator.wire import Reply


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bounds that a test can reach."""
    monkeypatch.setattr(call_logs, "MAX_LOGS", 3)
    monkeypatch.setattr(response_cache, "MAX_ANSWERS", 3)
    monkeypatch.setattr(response_cache, "MAX_ANSWER_BYTES", 10)
    monkeypatch.setattr(provider, "_MAX_PREFIXES", 3)
    monkeypatch.setattr(limits, "_MAX_EVENTS", 3)
    monkeypatch.setattr(scripts, "MAX_SCRIPTS", 3)


def test_the_book_keeps_the_last_calls_and_leaks_but_counts_all() -> None:
    kept = Book()
    for number in range(book.MAX_LEAKS + 1):
        kept.leak(Leak("caller_header", "cookie", "g", "/", str(number)))
    for number in range(book.MAX_CALLS + 1):
        kept.enter(CallRow(str(number), None, "g", "openai", "gpt-4o", 200, billed=True, true_cost_nanos=1), {})
    assert (len(kept.leaks), kept.totals.leak_count) == (book.MAX_LEAKS, book.MAX_LEAKS + 1)
    assert (len(kept.rows), kept.totals.true_cost_nanos) == (book.MAX_CALLS, book.MAX_CALLS + 1)
    assert kept.rows[0].log_id == kept.leaks[0].log_id == "1"


def test_the_oldest_log_rows_go() -> None:
    logs = CallLogs()
    logs.mood = "prompt"
    for number in range(4):
        logs.add(CallLog(str(number), "now", "g", "p", "m", "/", 200, True, False, 1, 1, 0.0, {}))
    assert logs.read("g", "0") is None
    assert logs.read("g", "3") is not None
    assert logs.read("other", "3") is None


def test_the_least_used_answers_go_and_long_ones_are_not_kept() -> None:
    cache = ResponseCache()
    for key in (b"a", b"b", b"c"):
        cache.keep(key, Reply(200, key), now_s=0, ttl_s=60)
    assert cache.find(b"a", 1) is not None
    cache.keep(b"d", Reply(200, b"d"), now_s=0, ttl_s=60)
    cache.keep(b"long", Reply(200, b"x" * 11), now_s=0, ttl_s=60)
    cache.keep(b"error", Reply(500, b"x"), now_s=0, ttl_s=60)
    found = [key for key in (b"a", b"b", b"c", b"d", b"long", b"error") if cache.find(key, 1)]
    assert found == [b"a", b"c", b"d"]


def test_the_oldest_prompts_go() -> None:
    cache = PromptCache()
    prompts = [bytes([65 + number]) * 4096 for number in range(4)]
    assert [cache.cached_tokens("p", "m", prompt) for prompt in prompts] == [0] * 4
    assert cache.cached_tokens("p", "m", prompts[3]) == 1024
    assert cache.cached_tokens("p", "m", prompts[0]) == 0


def test_a_full_tally_forgets_its_oldest_event() -> None:
    tally = Tally(60, "sliding")
    for amount in (1, 10, 100, 1000):
        tally.add(0.0, amount)
    assert tally.total(0.0) == 1110


def test_no_more_scripts_wait_than_can_be_remembered() -> None:
    waiting = Scripts()
    waiting.add([Script()] * 3)
    with pytest.raises(BadBody, match="more than 3"):
        waiting.add([Script()])
    assert len(waiting) == 3


def test_the_oldest_faults_to_come_go() -> None:
    faults = FaultsToCome()
    faults.add([ManagementFault(status=500 + number % 2) for number in range(faults_to_come.MAX_WAITING + 1)])
    first = faults.take("get")
    assert first is not None
    assert first.status == 501
