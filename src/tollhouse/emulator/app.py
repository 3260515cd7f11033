"""The emulator as an ASGI app: one port for the management API, the data plane and the controls.

/client/v4/...      what lives at api.cloudflare.com
/v1/{account}/...   what lives at gateway.ai.cloudflare.com
/_emulator/...      controls
"""

from tollhouse.emulator import controls, management
from tollhouse.emulator.controls import Controls
from tollhouse.emulator.dataplane import DataPlane
from tollhouse.emulator.management import Management
from tollhouse.emulator.wire import (
    BodyTooLarge,
    ClientGone,
    Line,
    Receive,
    Reply,
    Request,
    Scope,
    Send,
    json_reply,
    read_request,
)
from tollhouse.emulator.world import EmulatorConfig, World

__all__ = ["Emulator", "EmulatorConfig", "create"]


class Emulator:
    """Three planes over one world. `close` when no more requests come."""

    def __init__(self, config: EmulatorConfig) -> None:
        self.world = World(config)
        self._management = Management(self.world)
        self._data_plane = DataPlane(self.world)
        self._controls = Controls(self.world)

    def close(self) -> None:
        self.world.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise RuntimeError("the emulator speaks HTTP only; serve it with lifespan off")
        async with Line(scope, receive, send) as line:
            try:
                request = await read_request(scope, receive)
            except BodyTooLarge:
                await line.reply(Reply(413, b'{"error":"request too large"}'))
            except ClientGone:
                return
            else:
                await self._serve(request, line)

    async def _serve(self, request: Request, line: Line) -> None:
        if request.path.startswith("/v1/"):
            await self._data_plane.serve(request, line)
        elif request.path.startswith(management.PREFIX):
            await self._management.serve(request, line)
        elif request.path.startswith(controls.PREFIX):
            await self._controls.serve(request, line)
        else:
            await line.reply(json_reply(404, {"error": "nothing lives here"}))


def create(config: EmulatorConfig) -> Emulator:
    """The app. Reads the state file; raises StartupError when that is not ours."""
    return Emulator(config)
