"""The demo: a customer with people, teams, keys and a past, and an emulated Cloudflare when there is no real one."""

from tollhouse.demo.customer import prepare, welcome
from tollhouse.demo.emulated import EmulatorOrder, EmulatorProcess, run_emulator, with_emulator

__all__ = ["EmulatorOrder", "EmulatorProcess", "prepare", "run_emulator", "welcome", "with_emulator"]
