"""What is measured, each with the set-up it is at its best with: nginx, Tollhouse, LiteLLM. All on loopback."""

import asyncio
import contextlib
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psycopg
from bench.processes import BenchError, Cores, cpu_seconds, free_port, on_core, running
from bench.seed import ACCOUNT, Keys, seed
from bench.upstream import MODEL

from tollhouse.db import migrate
from tollhouse.db.embedded import EmbeddedPostgres

_STATISTICS_S: Final = 1.5
PEER: Final = Path(".venv-bench/bin/litellm")
_OPENAI_PATH: Final = "/v1/chat/completions"
_TOLLHOUSE_PATH: Final = "/v1/ai/chat/completions"

# No buffering of whole answers to disk, no log, connections kept on both sides: a proxy that does nothing else.
_NGINX: Final = """
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/nginx.log warn;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    keepalive_requests 100000000;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    upstream provider {{
        server 127.0.0.1:{upstream};
        keepalive 128;
        keepalive_requests 100000000;
    }}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://provider;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
        }}
    }}
}}
"""

# Without database, keys, callbacks and retries: the least that LiteLLM does for a call.
_LITELLM: Final = """
model_list:
  - model_name: {model}
    litellm_params:
      model: openai/{model}
      api_base: http://127.0.0.1:{upstream}/v1
      api_key: bench
litellm_settings:
  set_verbose: false
  telemetry: false
  num_retries: 0
  request_timeout: 60
"""


@dataclass(frozen=True, slots=True)
class Bench:
    """What all targets share. `folder` is temporary; `upstream` the provider's port."""

    folder: Path
    cores: Cores
    upstream: int


class Postgres:
    """The embedded server of one Tollhouse, for its figures."""

    def __init__(self, url: str, pid: int) -> None:
        self.url = url
        self._pid = pid

    def cpu_seconds(self) -> float:
        return cpu_seconds(self._pid)

    def writes(self) -> int:
        """Transactions so far that wrote something: each took a number, and this is the next one."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            row = connection.execute("SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint").fetchone()
            return int((row or (0,))[0])


def commits(url: str) -> int:
    """Transactions of a database so far, once its server has counted them all."""
    time.sleep(_STATISTICS_S)
    with psycopg.connect(url) as connection:
        row = connection.execute(
            "SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()"
        ).fetchone()
        return int((row or (0,))[0])


@dataclass(frozen=True, slots=True)
class Target:
    """A gateway that is running. `pid` is the root of its process tree."""

    name: str
    url: str
    authorization: str
    pid: int
    streams: bool = True
    postgres: Postgres | None = None


@contextlib.contextmanager
def provider(folder: Path, cores: Cores, *, chunks: int, delay_ms: float) -> Iterator[int]:
    """The upstream that all targets share, on the core of the load; yields its port."""
    port = free_port()
    command = [sys.executable, "-m", "bench.upstream", "--port", str(port)]
    command += ["--chunks", str(chunks), "--delay-ms", str(delay_ms)]
    with running(command, port, folder / "upstream.log", core=cores.load, more={}, ready_s=20):
        yield port


@contextlib.contextmanager
def straight(bench: Bench) -> Iterator[list[Target]]:
    """No gateway at all: what load and upstream can do by themselves."""
    yield [Target("(upstream alone)", f"http://127.0.0.1:{bench.upstream}{_OPENAI_PATH}", "none", 0, streams=False)]


@contextlib.contextmanager
def nginx(bench: Bench) -> Iterator[list[Target]]:
    """Debian's nginx with one worker, as a reverse proxy that only passes on."""
    port, config = free_port(), bench.folder / "nginx.conf"
    config.write_text(_NGINX.format(folder=bench.folder, upstream=bench.upstream, port=port))
    command: list[str | Path] = ["/usr/sbin/nginx", "-e", bench.folder / "nginx.log", "-c", config]
    with running(command, port, bench.folder / "nginx.out", core=bench.cores.gateway, more={}, ready_s=10) as pid:
        yield [Target("nginx", f"http://127.0.0.1:{port}{_OPENAI_PATH}", "none", pid)]


@contextlib.contextmanager
def tollhouse(bench: Bench, settings: Mapping[str, str] | None = None) -> Iterator[list[Target]]:
    """`tollhouse serve`, one process, called with two keys; its Postgres is a server of its own, as in production."""
    port, data = free_port(), bench.folder / "tollhouse"
    data.mkdir(exist_ok=True)
    with _postgres(data, bench.cores.postgres) as postgres:
        keys = asyncio.run(seed(postgres.url))
        more = {
            "DATABASE_URL": postgres.url,
            "CF_ACCOUNT_ID": ACCOUNT,
            "CF_AI_GATEWAY_API_TOKEN": "bench-token-of-the-upstream",
            "CF_API_BASE": f"http://127.0.0.1:{bench.upstream}/client/v4",
            "CF_GATEWAY_BASE": f"http://127.0.0.1:{bench.upstream}/v1",
            "TOLLHOUSE_DATA_DIR": str(data),
            "TOLLHOUSE_PORT": str(port),
            "TOLLHOUSE_LOG_LEVEL": "warning",
            **(settings or {}),
        }
        command = [sys.executable, "-m", "tollhouse", "serve"]
        log = bench.folder / "tollhouse.log"
        with running(command, port, log, core=bench.cores.gateway, more=more, ready_s=30) as pid:
            yield _called_with(keys, f"http://127.0.0.1:{port}{_TOLLHOUSE_PATH}", pid, postgres)


def _called_with(keys: Keys, url: str, pid: int, postgres: Postgres) -> list[Target]:
    return [
        Target("Tollhouse, budgets on", url, f"Bearer {keys.limited}", pid, postgres=postgres),
        Target("Tollhouse, no limits", url, f"Bearer {keys.unlimited}", pid, streams=False, postgres=postgres),
    ]


@contextlib.contextmanager
def _postgres(data: Path, core: int) -> Iterator[Postgres]:
    """The server that `tollhouse serve` would start by itself; ours, so that its core and its processes are known."""
    with on_core(core):
        server = EmbeddedPostgres(data)
    try:
        migrate.upgrade(server.url)
        yield Postgres(server.url, int((data / "postgres/postmaster.pid").read_text().split()[0]))
    finally:
        server.stop()


@contextlib.contextmanager
def litellm(bench: Bench) -> Iterator[list[Target]]:
    """LiteLLM's proxy, one worker, no database and no keys, on Granian: as cheap as on uvicorn, with a better p99."""
    if not PEER.exists():
        raise BenchError("the peer is not installed: start the benchmark with bench/run, or give --no-peer")
    port, config = free_port(), bench.folder / "litellm.yaml"
    config.write_text(_LITELLM.format(model=MODEL, upstream=bench.upstream))
    more = {"HOME": str(bench.folder), "LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_LOG": "ERROR"}
    more |= {"LITELLM_MODE": "PRODUCTION", "LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "true"}
    command: list[str | Path] = [PEER, "--config", config, "--host", "127.0.0.1", "--port", str(port)]
    command += ["--num_workers", "1", "--run_granian"]
    log = bench.folder / "litellm.log"
    with running(command, port, log, core=bench.cores.gateway, more=more, ready_s=90) as pid:
        yield [Target("LiteLLM", f"http://127.0.0.1:{port}{_OPENAI_PATH}", "Bearer none", pid)]
