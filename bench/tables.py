"""Figures as Markdown tables, with each target's ratio to nginx. A target with a failed request gets no figures."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from bench.figures import Figure, Row, mean, spread_percent, targets_of, turns_of

_NGINX: Final = "nginx"
_ABSENT: Final = ""


@dataclass(frozen=True, slots=True)
class _Column:
    """A heading, and the figure under it. `ratio`: followed by what it is to nginx's figure `of_nginx`."""

    heading: str
    figure: Figure
    digits: int
    ratio: bool = False
    of_nginx: Figure | None = None


def whole_calls(rows: Sequence[Row], connections: int) -> str:
    """Throughput and CPU at full load."""
    columns = (
        _Column("requests/s", lambda row: row.full.requests / row.full.seconds, 0, ratio=True),
        _Column("CPU us/request", _gateway_us, 1, ratio=True),
        _Column("Postgres us/request", lambda row: row.postgres_us, 1),
        _Column("both", _both_us, 1, ratio=True, of_nginx=_gateway_us),
        _Column("writing transactions/request", lambda row: row.writes, 2),
    )
    title = f"Whole answers, {connections} connections, full load"
    return _table(title, rows, columns, spread_of=_gateway_us)


def latency(rows: Sequence[Row], connections: int) -> str:
    """What a caller waits, alone and in the crowd."""
    columns = (
        _Column("p50 ms, 1 connection", lambda row: row.quiet.p50_ms, 2, ratio=True),
        _Column("p99 ms, 1 connection", lambda row: row.quiet.p99_ms, 2, ratio=True),
        _Column(f"p50 ms, {connections} connections", lambda row: row.full.p50_ms, 2, ratio=True),
        _Column(f"p99 ms, {connections} connections", lambda row: row.full.p99_ms, 2, ratio=True),
    )
    return _table("Latency of whole answers", rows, columns, spread_of=lambda row: row.quiet.p50_ms)


def streams(rows: Sequence[Row], callers: int, delay_ms: float) -> str:
    """CPU per chunk of a stream."""
    streamed = [row for row in rows if row.chunk_us is not None]
    columns = (_Column("CPU us/chunk", _chunk_us, 1, ratio=True),)
    title = f"Streams, {callers} at once, a chunk every {delay_ms:g} ms"
    return _table(title, streamed, columns, spread_of=_chunk_us)


def _gateway_us(row: Row) -> float | None:
    return row.gateway_us or None


def _both_us(row: Row) -> float | None:
    return None if row.postgres_us is None else row.gateway_us + row.postgres_us


def _chunk_us(row: Row) -> float | None:
    return row.chunk_us


def _table(title: str, rows: Sequence[Row], columns: Sequence[_Column], *, spread_of: Figure) -> str:
    """`spread_of`: the figure whose spread over the turns is told in the last column."""
    headings = ["target"]
    for column in columns:
        headings += [column.heading, "x nginx"] if column.ratio else [column.heading]
    lines = [_line([*headings, "spread"]), _line(["---", *["---:"] * len(headings)])]
    for target in targets_of(rows):
        turns = turns_of(rows, target)
        failed = sum(row.failed for row in turns)
        cells = [f"not counted: {failed} failed"] if failed else _cells(turns, turns_of(rows, _NGINX), columns)
        lines.append(_line([target, *cells, *([] if failed else [_spread(turns, spread_of)])]))
    return f"\n{title}\n\n" + "\n".join(lines)


def _cells(turns: Sequence[Row], nginx: Sequence[Row], columns: Sequence[_Column]) -> list[str]:
    cells = []
    for column in columns:
        value = mean(turns, column.figure)
        cells.append(_ABSENT if value is None else f"{value:,.{column.digits}f}")
        if column.ratio:
            cells.append(_ratio(value, mean(nginx, column.of_nginx or column.figure)))
    return cells


def _ratio(value: float | None, nginx: float | None) -> str:
    if value is None or not nginx:
        return _ABSENT
    ratio = value / nginx
    return f"{ratio:,.0f}" if ratio >= 100 else f"{ratio:.3g}"


def _spread(turns: Sequence[Row], figure: Figure) -> str:
    percent = spread_percent(turns, figure)
    return _ABSENT if percent is None else f"{percent:.0f} %"


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"
