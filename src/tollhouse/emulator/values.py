"""Single values of a request body, with OpenAI's complaints about those that are wrong."""

from collections.abc import Mapping
from typing import NoReturn

from tollhouse.emulator.faults import ProviderFault

Fields = Mapping[str, object]


def integer(fields: Fields, name: str, lowest: int, highest: int | None = None) -> int | None:
    value = fields.get(name)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool):
        wrong_type(name, "an integer", value)
    if value < lowest:
        message = (
            f"Invalid '{name}': integer below minimum value. Expected a value >= {lowest}, but got {value} instead."
        )
        raise ProviderFault(400, message, "integer_below_min_value", name)
    if highest is not None and value > highest:
        message = (
            f"Invalid '{name}': integer above maximum value. Expected a value <= {highest}, but got {value} instead."
        )
        raise ProviderFault(400, message, "integer_above_max_value", name)
    return value


def flag(fields: Fields, name: str) -> bool:
    value = fields.get(name)
    if value is not None and not isinstance(value, bool):
        wrong_type(name, "a boolean", value)
    return bool(value)


def text(param: str, value: object) -> str:
    if not isinstance(value, str):
        wrong_type(param, "a string", value)
    return value


def wrong_type(param: str, expected: str, value: object) -> NoReturn:
    names = {bool: "a boolean", int: "an integer", float: "a decimal", str: "a string", list: "an array"}
    got = names.get(type(value), "an object" if value is not None else "null")
    message = f"Invalid type for '{param}': expected {expected}, but got {got} instead."
    raise ProviderFault(400, message, "invalid_type", param)
