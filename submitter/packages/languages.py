"""Which language a jury's solution is in, and whether it can be run here."""

import ast
import re
from collections.abc import Container, Iterable
from pathlib import PurePosixPath

from submitter.packages.problem import Solution

PYTHON_2 = "python2"

# What packages write, by the end of the file's name. Names of languages that are not here serve to say so.
_BY_ENDING = {
    ".py": "python", ".py3": "python", ".py2": PYTHON_2, ".c": "c",
    ".cpp": "cpp", ".cc": "cpp", ".cxx": "cpp", ".c++": "cpp",
    ".java": "java", ".js": "javascript", ".php": "php", ".adb": "ada", ".ads": "ada", ".go": "go", ".rs": "rust",
    ".pas": "pascal", ".sh": "bash", ".kt": "kotlin", ".cs": "csharp", ".hs": "haskell", ".rb": "ruby",
    ".scala": "scala", ".ml": "ocaml", ".lisp": "lisp", ".pl": "perl", ".dpr": "pascal", ".d": "d", ".swift": "swift",
}  # fmt: skip

_CLASS_MAIN = re.compile(rb"\bclass\s+Main\b")
_PYTHON_2_SHEBANG = re.compile(rb"#!.*python2")
_ONLY_PYTHON_2 = frozenset({"raw_input", "xrange", "unicode"})


def language_of(path: str, data: bytes = b"") -> str:
    """The language of a file by its name and, for Python, by what it says; "" for a file that is no program."""
    name = _BY_ENDING.get(PurePosixPath(path).suffix.lower(), "")
    return PYTHON_2 if name == "python" and is_python_2(data) else name


def language_of_program(files: Iterable[tuple[str, bytes]]) -> str:
    """The language of a program of several files: that of those which have one, "" if they are of several."""
    found = {language for path, data in files if (language := language_of(path, data))}
    return found.pop() if len(found) == 1 else ""


def is_python_2(program: bytes) -> bool:
    """Whether a program was written for Python 2: by its first line, print statements, or names of old."""
    if _PYTHON_2_SHEBANG.match(program):
        return True
    try:
        tree = ast.parse(program)
    except SyntaxError as exc:
        return exc.msg.startswith(("Missing parentheses in call to", "multiple exception types"))
    except (ValueError, RecursionError, MemoryError):
        return False  # a NUL byte, or nested too deep: no interpreter will have it
    names = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
    made = {node.id for node in names if isinstance(node.ctx, ast.Store)}
    return bool({node.id for node in names} & _ONLY_PYTHON_2 - made)


def why_not_run(solution: Solution, available: Container[str]) -> str | None:
    """Why a solution cannot be run here, where only some languages are available, in words; None if it can."""
    if solution.language == PYTHON_2:
        return "it is written for Python 2"
    if solution.language not in available:
        return f"no tool chain for {solution.language or 'its language'} here"
    if len(solution.files) != 1:
        return f"it has {len(solution.files)} files, and programs of one file are run"
    if solution.language == "java" and not _CLASS_MAIN.search(solution.files[0].data):
        return "it has no class Main, and programs here start there"
    return None
