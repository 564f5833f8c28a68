"""
ICPC and Kattis problem packages: the legacy format, and 2023-07 with its drafts and its name since, 2025-09.

Source: https://icpc.io/problem-package-format/, and DOMjudge's manual for domjudge-problem.ini and @EXPECTED_RESULTS@.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from typing import Any

from submitter.errors import AssignmentRefused
from submitter.model import MIB, Checker
from submitter.packages import icpc_layout, icpc_points
from submitter.packages.archive import Files
from submitter.packages.documents import as_list, as_mapping, as_positive, as_text, dump_yaml, load_yaml
from submitter.packages.expected import annotated, by_folder, by_submissions_yaml, written_as
from submitter.packages.languages import language_of_program
from submitter.packages.problem import Case, OutputRule, Problem, Rule, Solution, Source
from submitter.packages.validators import FOLDERS, checker_of

LEGACY, NEW = "icpc", "icpc-2023-07"
MARKER = "problem.yaml"
DEFAULT_MEMORY_MIB = 2048

_TIMELIMIT = re.compile(rb"^\s*timelimit\s*=\s*[\"']?([0-9.]+)", re.MULTILINE)
_NO_PROGRAM = frozenset({"", ".md", ".txt", ".yaml", ".yml", ".in", ".ans", ".out", ".class", ".exe", ".pdf", ".tex"})


def read(files: Files, name: str) -> Problem:
    """
    A package of either version.

    Raises:
        AssignmentRefused: a file of it cannot be understood.
    """
    settings = load_yaml(MARKER, files[MARKER])
    version = as_text("problem_format_version", settings.get("problem_format_version"), "legacy")
    is_new = not version.startswith("legacy")
    limits = as_mapping("limits in problem.yaml", settings.get("limits"))
    data = _TestData(files)
    cannot = [*data.problems]
    kinds = _kinds(settings)
    checker = tuple(Source(path, one) for path, one in files.items() if path.startswith(FOLDERS))
    is_custom = bool(checker) if is_new else "custom" in kinds
    interactor: tuple[Source, ...] = ()
    validator: Checker | None = None
    for kind in ("multi-pass", "submit-answer"):
        if kind in kinds:
            cannot.append(f"it is of the type {kind}")
    if any(path.startswith("include/") for path in files):
        cannot.append("it adds files of its own to every program, from include/")
    is_interactive = "interactive" in kinds
    is_custom = is_custom or is_interactive
    if is_custom:
        try:
            validator = checker_of(checker, _only_flags(settings, data), interactive=is_interactive)
        except AssignmentRefused as exc:
            cannot.append(f"the {'interactor' if is_interactive else 'validator of its outputs'} {exc}")
    if is_interactive or not is_custom:
        interactor, checker = (checker if is_interactive else ()), ()
    output, problem = (OutputRule(), None) if is_custom else _output_rule(_all_flags(settings, data))
    if problem:
        cannot.append(problem)
    multiplier = limits.get("time_multiplier", 5.0)
    if is_new:
        multipliers = as_mapping("time_multipliers", limits.get("time_multipliers"))
        multiplier = multipliers.get("ac_to_time_limit", limits.get("time_multiplier", 2.0))
    scored = icpc_points.Scored(data.cases)
    if "scoring" in kinds:
        scored = _scored(files, settings, data, is_new)
    return Problem(
        name=_name_of(settings, name),
        format=NEW if is_new else LEGACY,
        cases=scored.cases,
        groups=scored.groups,
        cannot_score=scored.cannot_score,
        solutions=tuple(_solutions(files, is_new)),
        output=output,
        time_limit_s=_time_limit(files, limits),
        time_multiplier=as_positive("the time multiplier", multiplier) or 5.0,
        memory_limit_bytes=int(MIB * (as_positive("limits.memory", limits.get("memory")) or DEFAULT_MEMORY_MIB)),
        checker=checker,
        validator=validator,
        interactor=interactor,
        cannot_judge=tuple(cannot),
    )


def _scored(files: Files, settings: dict[str, Any], data: "_TestData", is_new: bool) -> icpc_points.Scored:
    if is_new and not icpc_points.LEGACY_KEYS & {key for own in data.settings.values() for key in own}:
        return icpc_points.new(data.cases, data.settings)
    grading = as_mapping("grading in problem.yaml", settings.get("grading"))
    if grading.get("objective", "max") != "max" or any(path.startswith("graders/") for path in files):
        return icpc_points.Scored(data.cases, cannot_score=("less is better there, or a program of its own grades",))
    scored = icpc_points.legacy(data.cases, data.inherited)
    return icpc_points.held_against(scored, [one for path, one in files.items() if path.startswith("submissions/")])


def write(problem: Problem) -> dict[str, bytes]:
    """
    The files of a package, in the version that `problem.format` says, legacy if it is of another format.

    Raises:
        AssignmentRefused: something of the problem has no place there.
    """
    is_new = problem.format == NEW
    problem = icpc_layout.arranged(problem)
    limits: dict[str, Any] = {"memory": (problem.memory_limit_bytes or DEFAULT_MEMORY_MIB * MIB) // MIB}
    if is_new:
        limits["time_multipliers"] = {"ac_to_time_limit": problem.time_multiplier}
    else:
        limits["time_multiplier"] = problem.time_multiplier
    if problem.time_limit_s is not None and is_new:
        limits["time_limit"] = problem.time_limit_s
    settings: dict[str, Any] = {
        "problem_format_version": "2023-07-draft" if is_new else "legacy",
        "name": problem.name,
        "limits": limits,
    }
    flags = list(problem.validator.arguments) if problem.validator else _flags_of(problem.output)
    if any(not flag or flag.split() != [flag] for flag in flags) and not is_new:
        raise AssignmentRefused(f"only the format {NEW} can say arguments that hold blanks, as the checker's do")
    if problem.groups:
        settings["type"] = "scoring"
    files: dict[str, bytes] = {}
    if problem.interactor:
        settings["type" if is_new else "validation"] = "interactive" if is_new else "custom interactive"
    elif problem.checker and not is_new:
        settings["validation"] = "custom"
    if flags and is_new:
        files["data/test_group.yaml"] = dump_yaml({"output_validator_args": flags})
    elif flags:
        settings["validator_flags"] = " ".join(flags)
    files[MARKER] = dump_yaml(settings)
    if problem.time_limit_s is not None and not is_new:
        files["domjudge-problem.ini"] = f"timelimit = '{problem.time_limit_s:g}'\n".encode()
    for case in problem.cases:
        files[f"data/{case.name}.in"] = case.input
        files[f"data/{case.name}.ans"] = case.answer
    if problem.groups:
        documents = icpc_layout.documents_of(problem, is_new)
        files |= {path: dump_yaml(document) for path, document in documents.items()}
    written = {}
    for solution in problem.solutions:
        folder, metadata = written_as(solution, is_new)
        root = PurePosixPath(solution.path).parent if len(solution.files) == 1 else PurePosixPath(solution.path)
        stem = f"{folder}/" + ("" if len(solution.files) == 1 else f"{root.name}/")
        for source in solution.files:
            relative = PurePosixPath(source.path).relative_to(root) if root.parts else PurePosixPath(source.path)
            target = f"submissions/{stem}{relative}"
            if target in files:
                raise AssignmentRefused(f"two solutions would be called {target}; rename one")
            files[target] = source.data
        if metadata:
            written[f"{folder}/{PurePosixPath(solution.path).name}"] = metadata
    if written:
        files["submissions/submissions.yaml"] = dump_yaml(written)
    return files | {source.path: source.data for source in (*problem.checker, *problem.interactor)}


# -- test data ----------------------------------------------------------------------------------------------------


class _TestData:
    """What `data/` holds: cases, and what its folders say of them."""

    def __init__(self, files: Files) -> None:
        self.problems: list[str] = []
        self.settings = {
            str(PurePosixPath(path).parent): load_yaml(path, files[path])
            for path in sorted(files)
            if path.startswith("data/") and path.endswith(("/testdata.yaml", "/test_group.yaml"))
        }
        self.cases = tuple(self._cases(files))
        if not self.cases:
            self.problems.append("it has no cases")

    def _cases(self, files: Files) -> Iterator[Case]:
        inputs = [path for path in files if path.startswith(("data/sample/", "data/secret/")) and path.endswith(".in")]
        odd = {
            path.removeprefix("data/").partition(".files/")[0]
            for path in files
            if path.startswith("data/s") and (".files/" in path or path.endswith(".args"))
        }
        self.problems += [f"the case {name} comes with arguments or files" for name in sorted(odd)]
        for path in sorted(inputs):
            stem = path.removesuffix(".in")
            name = stem.removeprefix("data/")
            if f"{stem}.ans" not in files:
                self.problems.append(f"the case {name} has no answer")
                continue
            own = as_mapping(f"{stem}.yaml", load_yaml(f"{stem}.yaml", files.get(f"{stem}.yaml", b"")))
            if own.get("args"):
                self.problems.append(f"the case {name} comes with arguments")
            if "output_validator_args" in own:
                self.settings[stem] = {"output_validator_args": own["output_validator_args"]}
            yield Case(
                name=name,
                input=files[path],
                answer=files[f"{stem}.ans"],
                is_sample=path.startswith("data/sample/"),
            )

    def inherited(self, folder: str) -> dict[str, Any]:
        """A folder's settings, over those of the folders above it."""
        above = [str(one) for one in reversed(PurePosixPath(folder).parents)] + [folder]
        return {key: value for one in above for key, value in self.settings.get(one, {}).items()}

    def flags(self) -> Iterator[tuple[str, ...]]:
        for case in self.cases:
            stem = f"data/{case.name}"
            own = self.inherited(stem)
            flags = own.get("output_validator_args", own.get("output_validator_flags"))
            if flags is not None:
                yield _as_flags(flags)
            else:
                yield ()


# -- settings -----------------------------------------------------------------------------------------------------


def _kinds(settings: dict[str, Any]) -> set[str]:
    """What `type` and `validation` say, in both versions: single words, a sentence of them, or a list."""
    words: list[Any] = []
    for key in ("type", "validation"):
        value = settings.get(key)
        words += as_list(key, value) if isinstance(value, list) else as_text(key, value).split()
    return {str(word) for word in words}


def _name_of(settings: dict[str, Any], name: str) -> str:
    named = settings.get("name")
    if isinstance(named, dict):
        named = named.get("en", next(iter(named.values()), None))
    return as_text("name", named, name)


def _time_limit(files: Files, limits: dict[str, Any]) -> float | None:
    if (stated := as_positive("limits.time_limit", limits.get("time_limit"))) is not None:
        return stated
    if found := _TIMELIMIT.search(files.get("domjudge-problem.ini", b"")):
        return as_positive("timelimit in domjudge-problem.ini", found.group(1).decode())
    own = files.get(".timelimit", b"").strip()
    return as_positive(".timelimit", own.decode(errors="replace")) if own else None


def _all_flags(settings: dict[str, Any], data: _TestData) -> set[tuple[str, ...]]:
    default = _as_flags(settings.get("validator_flags"))
    return {flags or default for flags in data.flags()} or {default}


def _only_flags(settings: dict[str, Any], data: _TestData) -> tuple[str, ...]:
    """
    The flags of a validator of the package's own.

    Raises:
        AssignmentRefused: cases have different ones.
    """
    flags = _all_flags(settings, data)
    if len(flags) > 1:
        raise AssignmentRefused("gets different flags for different cases, and here it gets the same for all")
    return flags.pop()


def _as_flags(value: Any) -> tuple[str, ...]:
    return tuple(str(one) for one in value) if isinstance(value, list) else tuple(as_text("flags", value).split())


def _output_rule(all_flags: set[tuple[str, ...]]) -> tuple[OutputRule, str | None]:
    """The rule that the default validator's flags make, or why there is none."""
    rules = {_one_rule(flags) for flags in all_flags}
    if None in rules:
        return OutputRule(ignore_case=True), f"unknown flags of the validator: {sorted(all_flags)}"
    if len(rules) > 1:
        return OutputRule(ignore_case=True), "its groups have different flags of the validator"
    (rule,) = rules
    assert rule is not None
    return rule, None


def _one_rule(flags: Sequence[str]) -> OutputRule | None:
    rule, ignore_case = Rule.TOKENS, True
    absolute: float | None = None
    relative: float | None = None
    given = iter(flags)
    for flag in given:
        match flag:
            case "case_sensitive":
                ignore_case = False
            case "space_change_sensitive":
                rule = Rule.EXACT
            case "float_tolerance":
                absolute = relative = as_positive(flag, next(given, None))
            case "float_absolute_tolerance":
                absolute = as_positive(flag, next(given, None))
            case "float_relative_tolerance":
                relative = as_positive(flag, next(given, None))
            case _:
                return None
    return OutputRule(rule=rule, ignore_case=ignore_case, absolute=absolute, relative=relative)


def _flags_of(output: OutputRule) -> list[str]:
    if output.rule not in (Rule.TOKENS, Rule.EXACT, Rule.LINES, Rule.TRAILING_BLANKS):
        raise AssignmentRefused(f"the default validator of ICPC packages cannot compare {output.rule}")
    flags = [] if output.ignore_case else ["case_sensitive"]
    flags += ["space_change_sensitive"] if output.rule is Rule.EXACT else []
    for name, value in (("float_absolute_tolerance", output.absolute), ("float_relative_tolerance", output.relative)):
        flags += [name, f"{value:g}"] if value is not None else []
    return flags


# -- solutions ----------------------------------------------------------------------------------------------------


def _solutions(files: Files, is_new: bool) -> Iterator[Solution]:
    programs: dict[str, list[Source]] = {}
    for path in sorted(files):
        parts = path.split("/")
        if parts[0] == "submissions" and len(parts) > 2:
            ending = PurePosixPath(path).suffix
            if len(parts) > 3 or (ending not in _NO_PROGRAM and not parts[2].startswith(".")):
                programs.setdefault("/".join(parts[:3]), []).append(Source(path, files[path]))
    stated = load_yaml("submissions.yaml", files.get("submissions/submissions.yaml", b"")) if is_new else {}
    for path, sources in programs.items():
        note = next((found for one in sources if (found := annotated(one.data))), None)
        if note is not None:
            said_by, expectations = note
        elif is_new:
            expectations = by_submissions_yaml(path.removeprefix("submissions/"), stated)
            said_by = "submissions.yaml" if stated else f"the folder {path.split('/')[1]}"
        else:
            expectations = by_folder(path.split("/")[1])
            said_by = f"the folder {path.split('/')[1]}"
        yield Solution(
            path=path,
            files=tuple(sources),
            language=language_of_program((one.path, one.data) for one in sources),
            expectations=expectations,
            said_by=said_by,
        )
