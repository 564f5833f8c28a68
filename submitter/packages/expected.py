"""What ICPC and Kattis packages expect of a solution: by folder, @EXPECTED_RESULTS@ line, or submissions.yaml."""

import fnmatch
import re
from collections.abc import Mapping
from typing import Any

from submitter.errors import AssignmentRefused
from submitter.model import Verdict
from submitter.packages.documents import as_list, as_mapping
from submitter.packages.problem import (
    ACCEPTED,
    ALL_ACCEPTED,
    ANYTHING,
    CRASHED,
    FAILED,
    SLOW,
    WRONG,
    Expectation,
    Solution,
    Verdicts,
)

MOST_STARS = 4  # in a pattern, and braces: matching more could take for ever

_ANNOTATION = re.compile(rb"@EXPECTED_RESULTS@:[ \t]*([^\r\n]*)")
_ANNOTATED: Mapping[str, Verdicts] = {
    "CORRECT": ACCEPTED,
    "ACCEPTED": ACCEPTED,
    "WRONG-ANSWER": WRONG,
    "WRONG_ANSWER": WRONG,
    "NO-OUTPUT": WRONG,
    "TIMELIMIT": SLOW,
    "TIME_LIMIT_EXCEEDED": SLOW,
    "RUN-ERROR": CRASHED,
    "RUN_TIME_ERROR": CRASHED,
    "MEMORY-LIMIT": frozenset({Verdict.MEMORY_LIMIT_EXCEEDED}),
    "OUTPUT-LIMIT": frozenset({Verdict.OUTPUT_LIMIT_EXCEEDED}),
    "COMPILER-ERROR": frozenset({Verdict.COMPILE_ERROR}),
    "CHECK-MANUALLY": ANYTHING,
}
_FOLDERS: Mapping[str, Verdicts] = {
    "accepted": ACCEPTED,
    "wrong_answer": WRONG,
    "time_limit_exceeded": SLOW,
    "run_time_error": CRASHED,
    "rejected": FAILED,
    "presentation_error": WRONG,
    "memory_limit_exceeded": frozenset({Verdict.MEMORY_LIMIT_EXCEEDED}),
    "output_limit_exceeded": frozenset({Verdict.OUTPUT_LIMIT_EXCEEDED}),
    "compile_error": frozenset({Verdict.COMPILE_ERROR}),
    "compiler_error": frozenset({Verdict.COMPILE_ERROR}),
}
_LETTERS: Mapping[str, Verdicts] = {"AC": ACCEPTED, "WA": WRONG, "TLE": SLOW, "RTE": CRASHED}
_DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "accepted": {"permitted": ["AC"]},
    "rejected": {"required": ["RTE", "TLE", "WA"]},
    "wrong_answer": {"permitted": ["AC", "WA"], "required": ["WA"]},
    "time_limit_exceeded": {"permitted": ["AC", "TLE"], "required": ["TLE"]},
    "run_time_error": {"permitted": ["AC", "RTE"], "required": ["RTE"]},
    "brute_force": {"permitted": ["AC", "RTE", "TLE"], "required": ["RTE", "TLE"]},
}
_OF_OTHER_USE = frozenset(
    {"language", "entrypoint", "authors", "model_solution", "use_for_time_limit", "score", "message"}
)


def annotated(program: bytes) -> tuple[str, tuple[Expectation, ...]] | None:
    """What an @EXPECTED_RESULTS@ line says, if there is one: an unknown word is no expectation."""
    if (found := _ANNOTATION.search(program)) is None:
        return None
    words = [word.strip(" \t*/#-'\"").upper() for word in found.group(1).decode(errors="replace").split(",")]
    known = [_ANNOTATED[word] for word in words if word in _ANNOTATED]
    overall = frozenset[Verdict]().union(*known)
    return "@EXPECTED_RESULTS@", (Expectation(overall=overall),) if overall and len(known) == len(words) else ()


def by_folder(folder: str) -> tuple[Expectation, ...]:
    """What the legacy format expects of a folder's programs; nothing of a folder that it does not know."""
    if folder == "partially_accepted":
        return (Expectation(some_groups=True),)
    return (Expectation(overall=_FOLDERS[folder]),) if folder in _FOLDERS else ()


def by_submissions_yaml(path: str, stated: Mapping[str, Any]) -> tuple[Expectation, ...]:
    """
    What 2023-07 expects of a program, with its path below submissions/.

    Raises:
        AssignmentRefused: submissions.yaml cannot be understood.
    """
    found = []
    rules: dict[str, Mapping[str, Any]] = dict(_DEFAULTS)
    for pattern, value in stated.items():
        # A default folder's own name replaces the default, key by key; any other pattern comes beside it.
        rules[pattern] = dict(_DEFAULTS.get(pattern, {})) | as_mapping(pattern, value)
    if path.startswith("partially_accepted/"):
        found.append(Expectation(some_groups=True))
    for pattern, rule in rules.items():
        if not matches(pattern, path):
            continue
        if {"permitted", "required"} & set(rule):
            found.append(_expectation(rule))
        for key, inner in rule.items():
            if key not in _OF_OTHER_USE | {"permitted", "required"}:
                found.append(_expectation(as_mapping(key, inner), key))
    return tuple(found)


def _expectation(rule: Mapping[str, Any], cases: str = "") -> Expectation:
    permitted, required = (
        None if key not in rule else frozenset[Verdict]().union(*(_letter(one) for one in as_list(key, rule[key])))
        for key in ("permitted", "required")
    )
    return Expectation(permitted=permitted, required=required, cases=cases)


def _letter(value: Any) -> Verdicts:
    if value not in _LETTERS:
        raise AssignmentRefused(f"submissions.yaml expects {value!r}; there are {', '.join(_LETTERS)}")
    return _LETTERS[value]


def matches(pattern: str, path: str) -> bool:
    """
    Whether a pattern fits a path or a folder above it. `*` stands for anything but `/`, `{a,b}` for either.

    Raises:
        AssignmentRefused: the pattern has more stars or braces than any honest one.
    """
    if pattern.count("*") + pattern.count("{") > MOST_STARS:
        raise AssignmentRefused(f"the pattern {pattern[:40]!r} has more than {MOST_STARS} stars and braces")
    parts = path.split("/")
    return any(_fits(one.split("/"), parts) for one in _without_braces(pattern))


def _fits(pattern: list[str], parts: list[str]) -> bool:
    return len(pattern) <= len(parts) and all(
        fnmatch.fnmatchcase(part, one.replace("[", "[[]").replace("?", "[?]"))
        for one, part in zip(pattern, parts, strict=False)
    )


def _without_braces(pattern: str) -> list[str]:
    found = re.search(r"\{([^{}]*)\}", pattern)
    if found is None:
        return [pattern]
    before, after = pattern[: found.start()], pattern[found.end() :]
    return [one for choice in found.group(1).split(",") for one in _without_braces(before + choice + after)]


def written_as(solution: Solution, is_new: bool) -> tuple[str, dict[str, Any]]:
    """
    The folder that a solution goes to, and what submissions.yaml has to say of it.

    Raises:
        AssignmentRefused: the legacy format has no folder for what is expected of it.
    """
    here = solution.path.split("/")[1] if solution.path.startswith("submissions/") else ""
    for folder in (here, *_FOLDERS, "partially_accepted", "brute_force"):
        default = by_submissions_yaml(f"{folder}/x", {}) if is_new else by_folder(folder)
        if folder and default and default == solution.expectations:
            return folder, {}
    if any(annotated(one.data) for one in solution.files):
        return here or "mixed", {}
    if solution.expectations == (ALL_ACCEPTED,):
        return "accepted", {}
    if not is_new:
        raise AssignmentRefused(f"the legacy format has no folder for what is expected of {solution.path}")
    folder = here or "other"
    default = by_submissions_yaml(f"{folder}/x", {})
    metadata: dict[str, Any] = {}
    for one in solution.expectations:
        if one in default:
            continue
        permitted, required = one.permitted, one.required
        if one.overall is not None:
            permitted, required = one.overall | ACCEPTED, one.overall
        keys = {}
        for key, verdicts in (("permitted", permitted), ("required", required)):
            if verdicts is not None:
                keys[key] = [letter for letter, meant in _LETTERS.items() if meant <= verdicts]
        metadata |= {one.cases: keys} if one.cases else keys
    return folder, metadata
