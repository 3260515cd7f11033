"""What the demo's agents are asked, what they answer, and with which tools they work. Words only."""

from dataclasses import dataclass
from typing import Final

from tollhouse.demo.cast import Session
from tollhouse.traces.spans import Attributes


@dataclass(frozen=True, slots=True)
class Step:
    """A tool that an agent uses. `fails`: how often, with which error."""

    name: str
    arguments: tuple[str, ...]
    fails: float = 0.0
    error: str = "error"


@dataclass(frozen=True, slots=True)
class Story:
    """A program: how it names itself and its spans. `tasks`: what it is asked, and what it says in the end."""

    vendor: str
    tool: str
    agent: str
    root: str
    resource: Attributes
    tasks: tuple[tuple[str, str], ...]
    steps: tuple[Step, ...]


STORIES: Final[dict[Session, Story]] = {
    "claude-code": Story(
        "anthropic",
        "claude-code",
        "claude-code",
        "invoke_agent claude-code",
        {"service.name": "claude-code", "service.version": "2.1.0"},
        (
            (
                "The date parser fails for leap days. Find out why and fix it.",
                "The parser built the date before it checked the year. It now asks for the year first;.",
            ),
            (
                "Add a timeout to every request that the importer makes.",
                "All four requests have a timeout of ten seconds now.",
            ),
            (
                "Explain how retries work in the delivery loop.",
                "A delivery that fails waits twice as long each time, up to an hour, and is given up after a day.",
            ),
            (
                "Rename the column `state` to `status` with a migration.",
                "The migration adds `status`, copies the values, and drops `state`; the queries use the new name.",
            ),
        ),
        (
            Step("Read", ('{"file_path": "src/dates/parser.py"}', '{"file_path": "src/importer/requests.py"}')),
            Step("Grep", ('{"pattern": "timeout", "path": "src"}', '{"pattern": "leap"}')),
            Step("Edit", ('{"file_path": "src/dates/parser.py", "old_string": "date(y, m, d)"}',), 0.05, "not_found"),
            Step(
                "Bash", ('{"command": "pytest -q tests/dates"}', '{"command": "git diff --stat"}'), 0.12, "exit_status"
            ),
        ),
    ),
    "cursor": Story(
        "cursor",
        "cursor",
        "cursor-agent",
        "invoke_agent cursor-agent",
        {"service.name": "cursor", "service.version": "2.3.11"},
        (
            (
                "Make the table of invoices sortable by date and amount.",
                "Both columns can be sorted now; the order stands in the address, so a link keeps it.",
            ),
            (
                "Why does the build take four minutes?",
                "Three of the four are spent on type checks that run twice. One of them can go.",
            ),
            (
                "Write tests for the currency formatter.",
                "Eleven tests cover negative sums, rounding and currencies without cents.",
            ),
        ),
        (
            Step("read_file", ('{"path": "web/src/Invoices.tsx"}', '{"path": "web/vite.config.ts"}')),
            Step("codebase_search", ('{"query": "formatCurrency"}', '{"query": "where is sorting done"}')),
            Step("edit_file", ('{"path": "web/src/Invoices.tsx"}',), 0.06, "conflict"),
            Step("run_terminal_cmd", ('{"command": "npm test"}',), 0.1, "exit_status"),
        ),
    ),
    "support-assistant": Story(
        "vercel-ai-sdk",
        "support-assistant",
        "support-assistant",
        "answer ticket",
        {"service.name": "support-assistant", "service.version": "1.14.2", "deployment.environment.name": "production"},
        (
            (
                "I was charged twice for my order.",
                "The second charge is a reservation and is released within three days. No money was taken twice.",
            ),
            (
                "How do I change the delivery address?",
                "Until the parcel leaves, you can change it under Orders.",
            ),
            (
                "The export button does nothing.",
                "Exports of more than 10,000 rows are sent by e-mail. Please look into your inbox in a few minutes.",
            ),
        ),
        (
            Step(
                "search_articles", ('{"query": "double charge", "limit": 4}', '{"query": "change address", "limit": 4}')
            ),
            Step("find_order", ('{"order": "A-20417"}', '{"order": "A-19873"}'), 0.04, "not_found"),
        ),
    ),
    "research-agent": Story(
        "langchain",
        "research-agent",
        "research-agent",
        "invoke_agent research-agent",
        {"service.name": "research-agent", "service.version": "0.9.0"},
        (
            (
                "Compare how three storage engines keep their indexes.",
                "All three append first and sort later; they differ in when they merge and what a reader pays for it.",
            ),
            (
                "What is known about caching of long prompts?",
                "Providers cache a prompt's beginning for minutes; what changes should come last.",
            ),
        ),
        (
            Step(
                "web_search",
                ('{"query": "storage engine index merge"}', '{"query": "prompt caching"}'),
                0.03,
                "timeout",
            ),
            Step("read_page", ('{"url": "https://example.org/engines"}', '{"url": "https://example.org/caching"}')),
            Step("take_notes", ('{"topic": "indexes"}', '{"topic": "caching"}')),
        ),
    ),
}
