"""Who is in the demo: people, teams, keys and limits, and how each key is used. Pure."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Literal

from tollhouse.access.keys import BudgetReset, KeyTerms
from tollhouse.control.callers import Role
from tollhouse.control.people.teams import TeamRole

DOMAIN: Final = "demo.tollhouse.example"
EMAIL: Final = f"admin@{DOMAIN}"

PEOPLE: Final[tuple[tuple[str, Role], ...]] = (
    ("manager", "manager"),
    ("member-1", "member"),
    ("member-2", "member"),
    ("member-3", "member"),
    ("member-4", "member"),
)
TEAMS: Final[tuple[tuple[str, tuple[tuple[str, TeamRole], ...]], ...]] = (
    ("Research", (("member-1", "lead"), ("member-2", "member"))),
    ("Support", (("member-3", "lead"), ("manager", "member"))),
    ("Platform", (("member-4", "lead"), ("member-2", "member"), ("member-3", "member"))),
)
INVITED: Final = "member-5"

Session = Literal["claude-code", "support-assistant", "cursor", "research-agent"]
Rhythm = Literal["office", "late", "service", "nightly"]
"""At work by day, into the evening, all around the clock, or once in the small hours."""


@dataclass(frozen=True, slots=True)
class Use:
    """A model that a key is used with, and how large its calls are: medians, in tokens."""

    weight: float
    provider: str
    model: str
    asks: int
    answers: int
    cached: float = 0.0
    """Which part of a prompt comes from the provider's cache."""
    reasons: float = 0.0
    """Which part of an answer is reasoning."""


@dataclass(frozen=True, slots=True)
class Habit:
    """`share`: how much of its budget the key has spent, where that never resets; elsewhere at most so much."""

    calls_a_day: float
    rhythm: Rhythm
    uses: tuple[Use, ...]
    agent: bytes = b"openai/python 3.54.0"
    share: float = 0.8
    session: Session | None = None
    """Whose traces its calls stand in, where they are parts of greater wholes; then a day has so many of these."""
    last_day: int = 0
    """How many days ago it was used last."""


@dataclass(frozen=True, slots=True)
class KeyRole:
    """A key, who has it (a person, or a team), and what it did. `expires_in_days` None: never."""

    terms: KeyTerms
    person: str | None = None
    team: str | None = None
    habit: Habit | None = None
    expires_in_days: int | None = None


@dataclass(frozen=True, slots=True)
class SenderRole:
    """A tool that tells us of its calls and makes them elsewhere."""

    person: str
    habit: Habit


@dataclass(frozen=True, slots=True)
class LimitRole:
    """A limit beside those of keys: of the customer, a team or a person."""

    usd: int
    reset: BudgetReset
    person: str | None = None
    team: str | None = None


_MINI: Final = Use(6, "openai", "gpt-4o-mini", 1_400, 320)
_LARGE: Final = Use(3, "openai", "gpt-4o", 5_600, 780, cached=0.3)
_THINKS: Final = Use(2, "openai", "gpt-5-mini", 3_200, 1_400, cached=0.2, reasons=0.6)
_SONNET: Final = Use(3, "anthropic", "claude-sonnet-4-5", 14_000, 1_300, cached=0.3)
_HAIKU: Final = Use(4, "anthropic", "claude-haiku-4-5", 3_000, 420)
_FLASH: Final = Use(5, "google-ai-studio", "gemini-2.5-flash", 4_800, 600, reasons=0.3)
_PRO: Final = Use(1, "google-ai-studio", "gemini-2.5-pro", 22_000, 2_600, reasons=0.5)
_SMALL: Final = Use(4, "mistral", "mistral-small-latest", 1_800, 380)
_DEEP: Final = Use(3, "deepseek", "deepseek-chat", 2_200, 650, cached=0.3)
_CODING: Final = Use(8, "anthropic", "claude-sonnet-4-5", 24_000, 620, cached=0.85)
_CODING_FAST: Final = Use(2, "anthropic", "claude-haiku-4-5", 9_000, 260, cached=0.6)

MAIN: Final = KeyRole(
    KeyTerms("Demo key", Decimal("10.0000"), "monthly"),
    person="admin",
    habit=Habit(24, "office", (_MINI, _LARGE, _THINKS, _HAIKU, _FLASH), share=0.55),
)
SHARED: Final = KeyRole(
    KeyTerms("Research team", Decimal("25.0000"), "weekly", ("gpt-4o-mini", "claude-*", "gemini-*")),
    team="Research",
    habit=Habit(34, "office", (_SONNET, _HAIKU, _FLASH, _PRO, _MINI), agent=b"anthropic/python 0.76.0", share=0.7),
)
KEYS: Final = (
    MAIN,
    SHARED,
    KeyRole(
        KeyTerms("Notebook", Decimal("0.5000"), "daily", ("gpt-4o-mini",)),
        person="member-1",
        habit=Habit(6, "late", (_MINI,), share=0.6),
    ),
    KeyRole(
        KeyTerms("Experiments", None, "monthly", tags=("trial",)),
        person="member-1",
        habit=Habit(5, "late", (_SMALL, _DEEP, _FLASH, _THINKS), agent=b"python-httpx/0.28.1"),
    ),
    KeyRole(KeyTerms("One cent", Decimal("0.0100")), person="member-2"),
    KeyRole(
        KeyTerms("Claude Code", Decimal("25.0000"), "monthly", ("claude-*",), tags=("coding",)),
        person="member-2",
        habit=Habit(3, "office", (_CODING, _CODING_FAST), agent=b"claude-cli/2.1.0", session="claude-code"),
    ),
    KeyRole(
        KeyTerms(
            "Support assistant",
            Decimal("12.0000"),
            "monthly",
            ("gpt-4o-mini", "gpt-4o"),
            tags=("production", "support"),
        ),
        team="Support",
        habit=Habit(20, "service", (_MINI, _LARGE), agent=b"openai/js 6.10.0", session="support-assistant"),
    ),
    KeyRole(
        KeyTerms("Nightly reports", Decimal("12.0000"), tags=("production",)),
        team="Platform",
        habit=Habit(9, "nightly", (_LARGE, _MINI), share=0.965),
    ),
    KeyRole(
        KeyTerms("Evaluation run", Decimal("3.0000"), None, ("gpt-4o-mini", "deepseek-chat")),
        person="member-1",
        habit=Habit(7, "late", (_MINI, _DEEP), share=1.0),
    ),
    KeyRole(
        KeyTerms("Workshop", Decimal("5.0000"), None, ("gpt-4o-mini", "mistral-*")),
        team="Research",
        habit=Habit(5, "office", (_MINI, _SMALL), agent=b"curl/8.14.1", share=0.84),
        expires_in_days=3,
    ),
    KeyRole(
        KeyTerms("Old prototype", Decimal("5.0000"), "monthly", disabled=True),
        person="manager",
        habit=Habit(4, "office", (_LARGE,), agent=b"python-requests/2.32.5", last_day=11),
    ),
    KeyRole(
        KeyTerms("Batch labels", None, None, ("mistral-small-latest", "gemini-2.5-flash")),
        person="member-4",
        habit=Habit(8, "nightly", (_SMALL, _FLASH), agent=b"Go-http-client/2.0"),
    ),
)
LIMITS: Final = (
    LimitRole(120, "monthly"),
    LimitRole(8, "weekly", team="Support"),
    LimitRole(10, "monthly", person="member-1"),
)
SENDERS: Final = (
    SenderRole(
        "member-3",
        Habit(
            3,
            "office",
            (
                Use(5, "anthropic", "claude-sonnet-4-5", 16_000, 540, cached=0.7),
                Use(3, "openai", "gpt-5", 12_000, 1_200, cached=0.5, reasons=0.5),
            ),
            session="cursor",
        ),
    ),
    SenderRole(
        "member-1",
        Habit(
            1.5,
            "late",
            (Use(1, "google-ai-studio", "gemini-2.5-pro", 9_000, 1_100, reasons=0.4),),
            session="research-agent",
        ),
    ),
)
