"""Reads rubric.toml and refuses a wrong one with a message that names the line to mend."""

import difflib
import math
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

DEFAULT = Path(__file__).parent / "rubric.toml"
VERSION = 2

# What a speed check has: the reference's folder, the curve of the points, and when a measurement is
# good enough.
TIMED: dict[str, type] = {
    "reference": str,
    "full_ratio": float,
    "zero_ratio": float,
    "rounds": int,
    "max_rounds": int,
    "precision": float,
}
TOKENS: dict[str, type] = {"prompt_tokens": int, "new_tokens": int, "margin": float}
ROUNDED: dict[str, type] = {"bf16_margin": float, "int8_margin": float}

# For each check: the settings it has besides points, stage and time_limit, with their types.
SETTINGS: dict[str, dict[str, type]] = {
    "build": {},
    "gelu": {"slack": float},
    "layernorm": {"slack": float},
    "linear": {"slack": float},
    "memory": {},
    "model": {"tolerance": float, "margin": float, "new_tokens": int},
    "kv_cache": {"tolerance": float, "margin": float},
    "traffic": {"reference": str, "full_ratio": float, "zero_ratio": float},
    "decoder": {
        "tolerance": float,
        "margin": float,
        "bf16_tolerance": float,
        "bf16_kl": float,
        "int8_tolerance": float,
        "int8_kl": float,
        "samples": int,
    },
    "kernel_speed": TIMED,
    "speed": TIMED | TOKENS,
    "fast": TIMED | TOKENS | ROUNDED,
    "bonus": TIMED | TOKENS | ROUNDED,
}
COMMON = ("points", "stage", "time_limit")
# The rules of the game (grader/rules/): what they allow.
RULES = ("enabled", "inline_assembly", "torch_compile", "fused_attention")
MAY_BE_ZERO = ("points", "zero_ratio", "stage")


class RubricError(Exception):
    """The rubric can't be used; str() says where and why."""


@dataclass(frozen=True)
class Entry:
    """One check's part: entry.points, entry.time_limit, entry.slack, ..."""

    points: float
    stage: int  # of the labs
    time_limit: float  # seconds
    settings: dict = field(default_factory=dict)

    def __getattr__(self, name: str):
        try:
            return self.__dict__["settings"][name]
        except KeyError:
            raise AttributeError(name) from None


OWN: dict[str, Entry] = {}  # of an instructor's own checks: rubric.toml may say otherwise


@dataclass(frozen=True)
class Rubric:
    entries: dict[str, Entry]
    stage: int  # the points of checks beyond it are extra
    loop_limit: float  # seconds
    startup_limit: float  # seconds
    rules: dict[str, bool]  # by the names in RULES

    def __getitem__(self, id: str) -> Entry:
        return self.entries[id]


def load(path: Path = DEFAULT) -> Rubric:
    """Raises RubricError for a file that is missing, isn't TOML, or breaks a rule."""
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RubricError(f"{path}: {error.strerror or error}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RubricError(f"{path}: not TOML: {error}") from None
    try:
        return parse(data)
    except RubricError as error:
        raise RubricError(f"{path}: {error}") from None


def parse(data: dict) -> Rubric:
    """A rubric from a TOML document's tables. Raises RubricError."""
    if data.get("version") != VERSION:
        raise RubricError(f"version must be {VERSION}, not {data.get('version')!r}")
    top = {name: _number(data, name, "") for name in ("loop_limit", "startup_limit")}
    top["stage"] = _number(data, "stage", "", whole=True)
    top["rules"] = _rules(data)
    unknown = set(data) - set(SETTINGS) - set(OWN) - set(top) - {"version"}
    if unknown:
        known = [*SETTINGS, *OWN]
        raise RubricError(
            f"[{min(unknown)}] is neither a check nor a setting{_meant(min(unknown), known)};"
            f" checks: {', '.join(known)}"
        )
    entries = {id: _entry(data, id) for id in SETTINGS}
    entries |= {id: _entry(data, id) if id in data else entry for id, entry in OWN.items()}
    return Rubric(entries, **top)


def _rules(data: dict) -> dict[str, bool]:
    table = data.get("rules")
    if not isinstance(table, dict):
        raise RubricError("the table [rules] is missing")
    for name in table:
        if name not in RULES:
            raise RubricError(f"[rules] {name}: no such setting{_meant(name, RULES)}")
    for name in RULES:
        if not isinstance(table.get(name), bool):
            raise RubricError(f"[rules] {name} must be true or false")
    return table


def _meant(wrong: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(wrong, list(known), 1)
    return f" (did you mean {close[0]}?)" if close else ""


def _entry(data: dict, id: str) -> Entry:
    table = data.get(id)
    if not isinstance(table, dict):
        raise RubricError(f"the table [{id}] is missing")
    known = SETTINGS.get(id) or {name: type(x) for name, x in _own_settings(id).items()}
    unknown = set(table) - set(known) - set(COMMON)
    if unknown:
        meant = _meant(min(unknown), [*known, *COMMON])
        raise RubricError(f"[{id}] {min(unknown)}: no such setting{meant}")
    settings = {}
    for name, kind in known.items():
        if kind is str:
            if not isinstance(table.get(name), str):
                raise RubricError(f"[{id}] {name} must be a text in quotes")
            settings[name] = table[name]
        else:
            settings[name] = _number(table, name, f"[{id}] ", whole=kind is int)
    if id == "traffic" and settings["zero_ratio"] <= settings["full_ratio"]:
        raise RubricError("[traffic] zero_ratio must be above full_ratio")
    if "rounds" in known:
        if settings["zero_ratio"] >= settings["full_ratio"]:
            raise RubricError(f"[{id}] zero_ratio must be below full_ratio")
        if settings["rounds"] > settings["max_rounds"]:
            raise RubricError(f"[{id}] rounds must not be above max_rounds")
    return Entry(
        _number(table, "points", f"[{id}] "),
        _number(table, "stage", f"[{id}] ", whole=True),
        _number(table, "time_limit", f"[{id}] "),
        settings,
    )


def _own_settings(id: str) -> dict:
    return OWN[id].settings if id in OWN else {}


def _number(table: dict, name: str, where: str, whole: bool = False) -> float:
    value = table.get(name)
    if name not in table:
        raise RubricError(f"{where}{name} is missing")
    right = type(value) is int if whole else type(value) in (int, float)
    if not right or not math.isfinite(value):
        raise RubricError(
            f"{where}{name} must be a {'whole ' if whole else ''}number, not {value!r}"
        )
    if value < 0 or (value == 0 and name not in MAY_BE_ZERO):
        raise RubricError(f"{where}{name} must be above 0, not {value}")
    return value
