"""
YAML of strangers: read within bounds, and asked for values of the right type.

Every function raises AssignmentRefused that names the file and the key.
"""

from collections.abc import Mapping
from typing import Any

import yaml

from submitter.errors import AssignmentRefused

MOST_BYTES = 1 << 20


def load_yaml(name: str, data: bytes) -> dict[str, Any]:
    """A YAML file whose top is a mapping; an empty one is an empty mapping. Keys become text."""
    if len(data) > MOST_BYTES:
        raise AssignmentRefused(f"{name} has more than {MOST_BYTES >> 20} MiB")
    try:
        document = yaml.safe_load(data)
    except (yaml.YAMLError, RecursionError, ValueError, UnicodeDecodeError) as exc:
        raise AssignmentRefused(f"{name} is no YAML that can be read: {exc}") from exc
    return as_mapping(name, document)


def as_mapping(what: str, value: Any) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise AssignmentRefused(f"{what} is no mapping of keys to values")
    return {str(key): inner for key, inner in value.items()}


def as_list(what: str, value: Any) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise AssignmentRefused(f"{what} is no list")
    return value


def as_text(what: str, value: Any, default: str = "") -> str:
    if value is None:
        return default
    if not isinstance(value, str | int | float) or isinstance(value, bool):
        raise AssignmentRefused(f"{what} is no text")
    return str(value)


def as_positive(what: str, value: Any) -> float | None:
    """A number greater than 0, None if there is none."""
    number = as_number(what, value)
    if number is not None and number <= 0:
        raise AssignmentRefused(f"{what} is {value!r}, and has to be greater than 0")
    return number


def as_number(what: str, value: Any) -> float | None:
    """A finite number, None if there is none. Numbers in quotes count, since many write them so."""
    if value is None:
        return None
    try:
        number = float(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else None
    except (ValueError, OverflowError):
        number = None
    if number is None or number != number or abs(number) > 1e15:
        raise AssignmentRefused(f"{what} is {str(value)[:40]!r}, which is no number")
    return number


def dump_yaml(document: Mapping[str, Any]) -> bytes:
    return yaml.safe_dump(dict(document), sort_keys=False, allow_unicode=True, width=120).encode()
