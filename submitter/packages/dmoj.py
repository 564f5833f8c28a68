"""
DMOJ's problem archives: an init.yml with the cases, which lie beside it or in a zip.

Solutions with expected verdicts come as in DMOJ's own test suite: tests/NAME/test.yml. Limits are no part of a
problem in this format; those of test.yml are for its one program.
Source: https://docs.dmoj.ca/#/problem_format/problem_format and dmoj/testsuite.py in DMOJ/judge-server.
"""

import dataclasses
import io
import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from submitter.errors import AssignmentRefused
from submitter.model import Verdict
from submitter.packages import dmoj_points
from submitter.packages.archive import Files, files_of_zip
from submitter.packages.documents import as_list, as_mapping, as_number, as_positive, as_text, dump_yaml, load_yaml
from submitter.packages.languages import PYTHON_2, language_of
from submitter.packages.problem import (
    ACCEPTED,
    ANYTHING,
    Case,
    Expectation,
    OutputRule,
    Problem,
    Rule,
    Solution,
    Source,
    Verdicts,
)

FORMAT = "dmoj"
MARKER = "init.yml"

_CODES: Mapping[str, Verdicts] = {
    "AC": ACCEPTED,
    "WA": frozenset({Verdict.WRONG_ANSWER}),
    "TLE": frozenset({Verdict.TIME_LIMIT_EXCEEDED}),
    "MLE": frozenset({Verdict.MEMORY_LIMIT_EXCEEDED}),
    "OLE": frozenset({Verdict.OUTPUT_LIMIT_EXCEEDED}),
    "RTE": frozenset({Verdict.RUNTIME_ERROR}),
    "IR": frozenset({Verdict.RUNTIME_ERROR}),
    "CE": frozenset({Verdict.COMPILE_ERROR}),
    "SC": ANYTHING,  # not run, since an earlier case of the batch failed
}
_LANGUAGES = (("PY2", PYTHON_2), ("PYPY2", PYTHON_2), ("PY", "python"), ("CPP", "cpp"), ("JAVA", "java"), ("C", "c"))
_LANGUAGE_NAME = {"PAS": "pascal", "GO": "go", "RUST": "rust", "ADA": "ada", "PHP": "php", "V8JS": "javascript"}
_WRITTEN = {"python": "PY3", "c": "C", "cpp": "CPP17", "java": "JAVA", PYTHON_2: "PY2", "pascal": "PAS", "go": "GO"}
_CASE_KEYS = frozenset({"in", "out", "points"})
_BATCH_KEYS = frozenset({"batched", "points", "dependencies"})
_TOP_KEYS = frozenset(
    {"archive", "test_cases", "pretest_test_cases", "checker", "points", "hints", "symlinks", "unbuffered"}
)
# What the names of cases look like where nothing is said.
_INPUT = re.compile(r"(?:(?P<batch>[0-9]+)[^0-9/]+)?(?P<case>[0-9]+)[^0-9/]*\.in|(?:.*[^0-9])?(?P<only>[0-9]+)\.in")
_RULES: Mapping[str, OutputRule] = {
    "standard": OutputRule(rule=Rule.LINES),
    "identical": OutputRule(rule=Rule.EXACT),
    "rstripped": OutputRule(rule=Rule.TRAILING_BLANKS),
    "easy": OutputRule(rule=Rule.CHARACTERS),
    "sorted": OutputRule(rule=Rule.UNORDERED_LINES),
    "unordered": OutputRule(rule=Rule.UNORDERED_TOKENS),
    # linecount pays for every right line; a case is passed when all of them are.
    "linecount": OutputRule(rule=Rule.LINES),
}


def read(files: Files, name: str) -> Problem:
    """
    A package with init.yml.

    Raises:
        AssignmentRefused: a file of it cannot be understood.
    """
    settings = load_yaml(MARKER, files[MARKER])
    cannot: list[str] = []
    for key in sorted(set(settings) - _TOP_KEYS):
        cannot.append(
            f"init.yml has a program in {key}"
            if key.endswith(("++", "~"))
            else f"init.yml asks for {key}, unknown here"
        )
    data = dict(files)
    if archive := as_text("archive", settings.get("archive")):
        if archive not in files:
            raise AssignmentRefused(f"init.yml names the archive {archive}, which is not in the package")
        data |= files_of_zip(archive, io.BytesIO(files[archive]))
    reading = _Cases(data, as_number("points", settings.get("points")))
    if "pretest_test_cases" in settings:
        reading.add(settings["pretest_test_cases"], are_pretests=True)
    reading.add(settings.get("test_cases"))
    if not reading.cases:
        reading.problems.append("it has no cases")
    output, checker = OutputRule(rule=Rule.LINES), tuple[Source, ...]()
    if "interactive" not in settings:
        output, problem = _output_rule(settings.get("checker"))
        cannot += [problem] if problem else []
        checker = tuple(Source(one, data[one]) for one in _named_files(settings.get("checker")) if one in data)
    return Problem(
        name=name,
        format=FORMAT,
        cases=reading.scored(),
        groups=() if reading.groups.cannot_score else tuple(reading.groups.groups),
        cannot_score=reading.groups.cannot_score,
        solutions=tuple(_solutions(files, [case.name for case in reading.cases])),
        output=output,
        checker=checker,
        interactor=tuple(Source(one, data[one]) for one in _named_files(settings.get("interactive")) if one in data),
        cannot_judge=(*cannot, *reading.problems),
        left_out=tuple(_left_out(settings)),
    )


def _left_out(settings: dict[str, Any]) -> Iterator[str]:
    if settings.get("symlinks"):
        yield "symlinks"
    if settings.get("checker") == "linecount":
        yield "a part of a case's points for each right line: it is worth all of its points or none"


class _Cases:
    """Reads lists of cases and batches; positions count on over all of them, as in DMOJ's own reports."""

    def __init__(self, data: Files, points: float | None) -> None:
        self._data, self._points = data, 1.0 if points is None else points
        self.cases: list[Case] = []
        self.groups = dmoj_points.Groups()
        self.problems: list[str] = []

    def add(self, listed: Any, are_pretests: bool = False) -> None:
        if listed is None:
            listed = list(self._found())
        if not isinstance(listed, list):
            self.problems.append("its cases are found by patterns; list them in init.yml")
            return
        for entry in listed:
            entry = as_mapping("a case in init.yml", entry)
            if "batched" not in entry:
                points = 0.0 if are_pretests else self._points_of(entry)
                self._add_case(entry, self.groups.of_single(len(self.cases) + 1, points), points)
                continue
            self._note_unknown(entry, _BATCH_KEYS)
            needs = [as_text("dependencies", one) for one in as_list("dependencies", entry.get("dependencies"))]
            inner = [as_mapping("a case in init.yml", one) for one in as_list("batched", entry["batched"])]
            points = self._points_of(entry)
            group = self.groups.batch(needs, points)
            for one in inner:
                self._add_case(one, group, points / len(inner))

    def scored(self) -> tuple[Case, ...]:
        """The cases, without points if those cannot be given."""
        if self.groups.cannot_score:
            return tuple(dataclasses.replace(case, group="", points=None) for case in self.cases)
        return tuple(self.cases)

    def _points_of(self, entry: dict[str, Any]) -> float:
        stated = as_number("points", entry.get("points"))
        return self._points if stated is None else stated

    def _add_case(self, entry: dict[str, Any], group: str, points: float) -> None:
        self._note_unknown(entry, _CASE_KEYS)
        name = str(len(self.cases) + 1)
        texts = []
        for key in ("in", "out"):
            path = as_text(key, entry.get(key))
            if path and path not in self._data:
                self.problems.append(f"case {name}: {path} is not in the package")
            texts.append(self._data.get(path, b""))
        self.cases.append(Case(name=name, input=texts[0], answer=texts[1], group=group, points=points))

    def _note_unknown(self, entry: dict[str, Any], known: frozenset[str]) -> None:
        self.problems += [f"a case asks for {key}, unknown here" for key in sorted(set(entry) - known)]

    def _found(self) -> Iterator[dict[str, Any]]:
        """Files that are called as cases are, where init.yml lists none."""
        batches: dict[int, list[tuple[int, dict[str, Any]]]] = {}
        for path in self._data:
            found = _INPUT.fullmatch(PurePosixPath(path).name)
            answer = next((one for end in ("out", "ans") if (one := f"{path[:-2]}{end}") in self._data), None)
            if found and answer:
                number = int(found["case"] or found["only"])
                batches.setdefault(int(found["batch"] or 0), []).append((number, {"in": path, "out": answer}))
        for batch, entries in sorted(batches.items()):
            cases = [entry for _, entry in sorted(entries, key=lambda one: one[0])]
            if batch:
                yield {"batched": cases}
            else:
                yield from cases


def _output_rule(checker: Any) -> tuple[OutputRule, str | None]:
    name, arguments = checker, dict[str, Any]()
    if isinstance(checker, dict):
        name, arguments = checker.get("name"), as_mapping("the checker's args", checker.get("args"))
    name = as_text("checker", name, "standard")
    if name in ("floats", "floatsabs", "floatsrel"):
        tolerance = 10.0 ** -int(as_number("precision", arguments.get("precision")) or 6)
        mode = {"floats": arguments.get("error_mode", "default"), "floatsabs": "absolute", "floatsrel": "relative"}[
            name
        ]
        return OutputRule(
            rule=Rule.LINES,
            absolute=None if mode == "relative" else tolerance,
            relative=None if mode == "absolute" else tolerance,
        ), None
    if name not in _RULES or (set(arguments) - {"feedback", "pe_allowed", "split_on"}):
        return OutputRule(rule=Rule.LINES), f"its outputs are judged by the checker {name}"
    if name == "sorted" and arguments.get("split_on") == "whitespace":
        return _RULES["unordered"], None
    return _RULES[name], None


def _named_files(settings: Any) -> list[str]:
    """The files of a program that a checker's or an interactor's settings name."""
    if isinstance(settings, str):
        return [settings]
    if not isinstance(settings, dict):
        return []
    named = as_mapping("args", settings.get("args")).get("files", settings.get("files", settings.get("name")))
    return [str(one) for one in (named if isinstance(named, list) else [named])]


# -- solutions ----------------------------------------------------------------------------------------------------


def _solutions(files: Files, names: list[str]) -> Iterator[Solution]:
    for path in sorted(files):
        if not (path.startswith("tests/") and path.endswith("/test.yml")):
            continue
        settings = load_yaml(path, files[path])
        sources = settings.get("source")
        for source in sources if isinstance(sources, list) else [sources]:
            named = f"{path.rpartition('/')[0]}/{as_text('source', source)}"
            if named not in files:
                raise AssignmentRefused(f"{path} names {source}, which is not there")
            memory_kib = as_positive("memory", settings.get("memory"))
            yield Solution(
                path=named,
                files=(Source(named, files[named]),),
                language=_language(as_text("language", settings.get("language")), named, files[named]),
                expectations=() if settings.get("skip") else _expectations(settings, names),
                said_by=path,
                time_limit_s=as_positive("time", settings.get("time")),
                memory_limit_bytes=int(memory_kib * 1024) if memory_kib else None,
            )


def _expectations(settings: dict[str, Any], names: list[str]) -> tuple[Expectation, ...]:
    overall = _permitted(settings.get("expect", "AC"))
    single = settings.get("cases") or {}
    if isinstance(single, list):
        single = dict(enumerate(single, start=1))
    single = {str(number): _permitted(codes) for number, codes in as_mapping("cases", single).items()}
    if overall is None or None in single.values():
        return ()  # DMOJ's own internal errors: nothing here answers to them
    if not single:
        return (Expectation(permitted=overall),)
    return tuple(Expectation(permitted=single.get(name, overall), cases=name) for name in names)


def _permitted(codes: Any) -> Verdicts | None:
    if codes == "*":
        return ANYTHING
    listed = codes if isinstance(codes, list) else [codes]
    if any(code not in _CODES and code != "IE" for code in listed):
        raise AssignmentRefused(f"test.yml expects {codes!r}; there are {', '.join(_CODES)}")
    known = [_CODES[code] for code in listed if code != "IE"]
    return frozenset[Verdict]().union(*known) if known else None


def _language(name: str, path: str, data: bytes) -> str:
    if name in _LANGUAGE_NAME:
        return _LANGUAGE_NAME[name]
    found = next((ours for prefix, ours in _LANGUAGES if re.fullmatch(prefix + "[0-9]*", name)), None)
    return (language_of(path, data) if found == "python" else found) or name.lower()


# -- writing ------------------------------------------------------------------------------------------------------


def write(problem: Problem) -> dict[str, bytes]:
    """
    The files of a package.

    Raises:
        AssignmentRefused: something of the problem has no place there.
    """
    settings: dict[str, Any] = {"checker": _checker_of(problem)}
    entries: list[dict[str, Any]] = []
    files: dict[str, bytes] = {}
    numbered: dict[str, str] = {}
    for entry, cases in dmoj_points.listed(problem):
        written = []
        for case in cases:
            numbered[case.name] = str(len(numbered) + 1)
            path = f"cases/{numbered[case.name]}"
            files |= {f"{path}.in": case.input, f"{path}.out": case.answer}
            written.append({"in": f"{path}.in", "out": f"{path}.out"})
        entries.append(entry | ({"batched": written} if "batched" in entry else written[0]))
    settings["test_cases"] = entries
    files[MARKER] = dump_yaml(settings)
    for number, solution in enumerate(problem.solutions, start=1):
        if len(solution.files) != 1:
            raise AssignmentRefused(f"{solution.path} has several files; DMOJ runs programs of one")
        folder = solution.path.rpartition("/")[0] if solution.path.startswith("tests/") else f"tests/{number:02}"
        name = PurePosixPath(solution.path).name
        files[f"{folder}/{name}"] = solution.files[0].data
        files[f"{folder}/test.yml"] = dump_yaml(_test_of(problem, solution, name, numbered))
    return files


def _checker_of(problem: Problem) -> Any:
    output = problem.output
    if problem.checker or problem.interactor:
        raise AssignmentRefused("programs that judge are not written to DMOJ's format")
    if output.absolute is None and output.relative is None:
        if (name := next((name for name, rule in _RULES.items() if rule == output), None)) is not None:
            return name
        if output == OutputRule():
            return "standard"
        raise AssignmentRefused(f"DMOJ has no checker that compares {output.rule} and ignores case")
    tolerance = output.absolute or output.relative or 0.0
    precision = next((n for n in range(1, 16) if abs(10.0**-n - tolerance) < tolerance * 1e-6), None)
    if precision is None or (output.absolute and output.relative and output.absolute != output.relative):
        raise AssignmentRefused("DMOJ's checker for numbers knows one tolerance, a power of ten")
    mode = "relative" if output.absolute is None else "absolute" if output.relative is None else "default"
    return {"name": "floats", "args": {"precision": precision, "error_mode": mode}}


def _test_of(problem: Problem, solution: Solution, name: str, numbered: Mapping[str, str]) -> dict[str, Any]:
    time_s = solution.time_limit_s or problem.time_limit_s
    memory = solution.memory_limit_bytes or problem.memory_limit_bytes
    document: dict[str, Any] = {"language": _WRITTEN.get(solution.language, solution.language.upper()), "source": name}
    document |= {"time": time_s} if time_s else {}
    document |= {"memory": memory // 1024} if memory else {}
    whole = [one for one in solution.expectations if not one.cases]
    single = {numbered[one.cases]: _codes(one) for one in solution.expectations if one.cases in numbered}
    if len(whole) > 1 or len(whole) + len(single) != len(solution.expectations):
        raise AssignmentRefused(f"test.yml cannot say what is expected of {solution.path}")
    document |= {"expect": _codes(whole[0])} if whole else {}
    document |= {"cases": {int(number): codes for number, codes in single.items()}} if single else {}
    if not solution.expectations:
        document["skip"] = True
    return document


def _codes(expectation: Expectation) -> list[str]:
    verdicts = expectation.permitted
    if expectation.overall is not None:
        verdicts = expectation.overall | ACCEPTED
    if verdicts is None or expectation.some_groups:
        verdicts = ANYTHING
    return [code for code, meant in _CODES.items() if meant <= verdicts and code not in ("IR", "SC")]
