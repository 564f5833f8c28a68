"""
Output validators that packages bring, as checkers of an assignment. All pure.

A checker here is one file. So the headers that a validator in C or C++ brings
are put where it includes them; a validator of several programs has no equal.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath

from submitter.checkers import check_checker
from submitter.errors import AssignmentRefused
from submitter.model import Checker
from submitter.packages.languages import PYTHON_2, language_of
from submitter.packages.problem import Source

FOLDERS = ("output_validator/", "output_validators/")
_INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*"([^"\n]+)"[^\n]*$', re.MULTILINE)
_HEADERS = (".h", ".hh", ".hpp", ".hxx", ".inc", ".ipp")
_SCRIPTS = ("build", "run")  # of a program that says itself how it is made


def checker_of(sources: Sequence[Source], arguments: tuple[str, ...], *, interactive: bool = False) -> Checker:
    """
    The checker that a package's validator makes.

    Raises:
        AssignmentRefused: it makes none; the text says why, and can follow on "the validator of its outputs".
    """
    if not sources:
        raise AssignmentRefused("is not in the package")
    programs = [one for one in sources if language_of(one.path, one.data)]
    if scripts := [one.path for one in sources if PurePosixPath(one.path).name in _SCRIPTS]:
        raise AssignmentRefused(f"is made by a script of its own, {scripts[0]}")
    if not programs:
        raise AssignmentRefused("is in no language that is known here")
    if len(programs) > 1:
        raise AssignmentRefused(f"has {len(programs)} programs ({programs[0].path} and others), and one is run here")
    [program] = programs
    language = language_of(program.path, program.data)
    if language == PYTHON_2:
        raise AssignmentRefused("is written for Python 2")
    try:
        text = program.data.decode()
        headers = {one.path: one.data.decode() for one in sources if PurePosixPath(one.path).suffix in _HEADERS}
    except UnicodeDecodeError as exc:
        raise AssignmentRefused("is not UTF-8") from exc
    if language in ("c", "cpp"):
        text = _with_headers(text, program.path, headers)
    checker = Checker(program=text, language=language, arguments=arguments, interactive=interactive)
    try:
        check_checker(checker)
    except AssignmentRefused as exc:
        raise AssignmentRefused(f"cannot be one here: {exc}") from exc
    return checker


def _with_headers(text: str, path: str, headers: Mapping[str, str]) -> str:
    """With each header of the package where it is first included; once, as their guards would have it."""
    done: set[str] = set()

    def expand(text: str, path: str) -> str:
        def header(match: re.Match[str]) -> str:
            found = str(PurePosixPath(path).parent / match[1])
            if found not in headers:
                return match[0]  # the compiler's own, or one that it will complain of
            if found in done:
                return ""
            done.add(found)
            line = text.count("\n", 0, match.start()) + 2
            inner = expand(headers[found], found)
            return f'#line 1 "{match[1]}"\n{inner}\n#line {line} "{PurePosixPath(path).name}"'

        return _INCLUDE.sub(header, text)

    return expand(text, path).replace("#pragma once", "")
