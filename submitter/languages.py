"""
The languages that programs may be in: one file for each in executor_image/languages, and no code.

Read when they are first asked for, once; docs/languages.md has what a file may say.
"""

import dataclasses
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path, PurePath
from types import MappingProxyType
from typing import Any

from submitter.errors import ConfigError
from submitter.model import MIB, Limits, Step
from submitter.resources import resource

PROGRAM_DIRECTORY = "/usr/src/submitter"  # where an executor shows a program, and what was built of it
DEFAULT = "python"
SOURCES = "{sources}"  # a whole word of a command
BUILD_LIMITS = Limits(
    cpu_time_s=10.0, wall_time_s=30.0, memory_bytes=512 * MIB, output_bytes=MIB, file_bytes=64 * MIB, processes=32
)
PROOF_LIMITS = dataclasses.replace(BUILD_LIMITS, cpu_time_s=30.0, wall_time_s=90.0)
_BUILD_KEYS = {
    "cpu_time_s": ("cpu_time_s", 1),
    "wall_time_s": ("wall_time_s", 1),
    "memory_mib": ("memory_bytes", MIB),
    "file_mib": ("file_bytes", MIB),
    "processes": ("processes", 1),
}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """
    The tool that checks a program without running it, as the table `prove` of a language's file describes it.

    `command`, `packages`, `version` and `address_space` are what they are of a
    language. An exit code is in one of `accepted`, `refused` (it found something)
    and `broken` (the tool is not there or cannot work, whatever the program is),
    or it says that the tool could not deal with the program.
    """

    command: tuple[str, ...]
    version: tuple[str, ...]
    packages: tuple[str, ...] = ()
    accepted: tuple[int, ...] = (0,)
    refused: tuple[int, ...] = (1,)
    broken: tuple[int, ...] = ()
    address_space: bool = True
    limits: Limits = PROOF_LIMITS


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Language:
    """
    One language, as its file describes it.

    `build` and `run` are argument vectors in which {source}, {stem} and
    {memory_mib} stand for the program's path, its name without extension and
    the case's memory limit; in `build` and what proves, a word {sources} stands
    for the paths of all files of the program that are in this language. Without
    `run` it is Python, which an executor runs by itself. `packages` are Debian's,
    for the image; `shown` are globs of what the tool chain reads beside /usr.
    """

    name: str
    extension: str
    other_extensions: tuple[str, ...] = ()
    file_name: str | None = None
    packages: tuple[str, ...] = ()
    shown: tuple[str, ...] = ()
    version: tuple[str, ...] = ()
    build: tuple[str, ...] = ()
    run: tuple[str, ...] = ()
    limits_factor: float = 1.0
    address_space: bool = True
    extra_processes: int = 0
    build_limits: Limits = BUILD_LIMITS
    proof: Proof | None = None

    def limits(self, limits: Limits) -> Limits:
        """An assignment's limits as a program in this language has them: more time, and room for its runtime."""
        return dataclasses.replace(
            limits,
            cpu_time_s=limits.cpu_time_s * self.limits_factor,
            wall_time_s=limits.wall_time_s * self.limits_factor,
            processes=limits.processes + self.extra_processes,
        )

    def commands(
        self, file_name: str, limits: Limits, step: Step = Step.RUN, *, is_unpacked: bool = False
    ) -> dict[str, Any] | None:
        """
        What an executor is told of it, in the words of the wire; None for Python programs that are run.

        `is_unpacked`: which files there are is known in the box alone, which then looks for them.
        """
        words = {
            "source": f"{PROGRAM_DIRECTORY}/{file_name}",
            "stem": Path(file_name).stem,
            "memory_mib": str(max(1, limits.memory_bytes // MIB)),
        }
        sources = f"{SOURCES}{''.join(_extensions(self))}" if is_unpacked else words["source"]

        def filled(command: tuple[str, ...]) -> list[str]:
            return [sources if word == SOURCES else word.format_map(words) for word in command]

        if step is Step.PROVE:
            assert self.proof is not None
            return {
                "build": None,
                "build_limits": limits_document(self.build_limits),
                "run": filled(self.proof.command),
                "address_space": self.proof.address_space,
            }
        if not self.run:
            return None
        return {
            "build": filled(self.build) or None,
            "build_limits": limits_document(self.build_limits),
            "run": [word.format_map(words) for word in self.run],
            "address_space": self.address_space,
        }


def limits_document(limits: Limits) -> dict[str, Any]:
    """Limits in the words of the wire."""
    return {
        "cpu_time_s": limits.cpu_time_s,
        "wall_time_s": limits.wall_time_s,
        "memory_bytes": limits.memory_bytes,
        "output_bytes": limits.output_bytes,
        "file_bytes": limits.file_bytes,
        "processes": limits.processes,
    }


@cache
def languages() -> Mapping[str, Language]:
    """
    All of them by name, Python first.

    Raises:
        ConfigError: a file is faulty; the text says which, and how.
    """
    return MappingProxyType(read_languages(resource("executor_image") / "languages"))


def language_of_file(path: PurePath) -> str:
    """The name of the language that a file's extension tells; Python's if none does."""
    return next((one.name for one in languages().values() if path.suffix in _extensions(one)), DEFAULT)


def read_languages(directory: Path) -> dict[str, Language]:
    """As `languages`, from any directory."""
    found: dict[str, Language] = {}
    owners: dict[str, str] = {}
    for path in sorted(directory.glob("*.toml"), key=lambda path: (path.stem != DEFAULT, path.stem)):
        language = found[path.stem] = read_language(path)
        for extension in _extensions(language):
            if owner := owners.get(extension):
                raise ConfigError(f"{path}: the extension {extension} is {owner}'s already")
            owners[extension] = language.name
    if DEFAULT not in found:
        raise ConfigError(f"{directory} has no {DEFAULT}.toml: install submitter again")
    return found


def read_language(path: Path) -> Language:
    """
    One file.

    Raises:
        ConfigError: it is no TOML, has a key that none has, lacks one, or a value is not what it should be.
    """
    try:
        document = tomllib.loads(path.read_text())
        build_limits = _limits(document.pop("build_limits", {}), BUILD_LIMITS)
        proof = _proof(document.pop("prove")) if "prove" in document else None
        language = Language(name=path.stem, build_limits=build_limits, proof=proof, **_values(document))
        _check(language)
    except (OSError, ValueError, TypeError) as exc:  # tomllib's error is a ValueError
        raise ConfigError(f"the language in {path} cannot be used: {exc}") from exc
    return language


def _values(document: dict[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in document.items()}


def _proof(document: dict[str, Any]) -> Proof:
    if not isinstance(document, dict):
        raise ValueError("prove is a table, which begins with [prove]")
    limits = _limits(document.pop("limits", {}), PROOF_LIMITS)
    return Proof(limits=limits, **_values(document))


def _limits(document: dict[str, float], usual: Limits) -> Limits:
    if unknown := document.keys() - _BUILD_KEYS.keys():
        raise ValueError(f"no limit of a build is called {', '.join(sorted(unknown))}")
    for name in document.keys() - {"cpu_time_s", "wall_time_s"}:
        if type(document[name]) is not int:
            raise ValueError(f"{name} is a whole number, not {document[name]}")
    values = {_BUILD_KEYS[name][0]: value * _BUILD_KEYS[name][1] for name, value in document.items()}
    return dataclasses.replace(usual, **values)  # type: ignore[arg-type]


def _check(language: Language) -> None:
    _check_texts(language, ("other_extensions", "packages", "shown", "version", "build", "run"))
    for extension in _extensions(language):
        if not (extension[:1] == "." and extension[1:].isalnum() and extension not in {".json", ".out"}):
            raise ValueError(f"{extension!r} is no extension that a program can have; one is '.c'")
    if language.file_name is not None and Path(language.file_name).suffix != language.extension:
        raise ValueError(f"file_name does not end with {language.extension}")
    if not 0 < language.limits_factor <= 100 or language.extra_processes < 0:
        raise ValueError("limits_factor is not between 0 and 100, or extra_processes is negative")
    if not language.version:
        raise ValueError("it has no version, a command that tells which tool chain is there")
    if language.build and not language.run:
        raise ValueError("it has build and no run")
    if language.proof is not None:
        _check_proof(language.proof)
    try:
        language.commands(f"x{language.extension}", Limits())
        if language.proof is not None:
            language.commands(f"x{language.extension}", Limits(), Step.PROVE)
    except (KeyError, IndexError) as exc:
        raise ValueError(
            "build, run and prove may hold {source}, {stem} and {memory_mib}, and build and prove the word {sources}; "
            "nothing else in braces"
        ) from exc


def _check_texts(one: Language | Proof, names: tuple[str, ...]) -> None:
    for name in names:
        value = getattr(one, name)
        if not (isinstance(value, tuple) and all(isinstance(word, str) and word for word in value)):
            raise ValueError(f"{name} is not a list of texts")


def _check_proof(proof: Proof) -> None:
    _check_texts(proof, ("command", "version", "packages"))
    if not (proof.command and proof.version):
        raise ValueError("prove needs a command, and a version, a command that tells which tool is there")
    told = [proof.accepted, proof.refused, proof.broken]
    codes = [code for one in told for code in (one if isinstance(one, tuple) else [None])]
    if not all(type(code) is int and 0 <= code <= 255 for code in codes) or len(set(codes)) < len(codes):
        raise ValueError("accepted, refused and broken are lists of exit codes, from 0 to 255, none of them twice")
    if not (proof.accepted and proof.refused):
        raise ValueError("prove accepts no exit code or refuses none: every program would fare alike")


def _extensions(language: Language) -> tuple[str, ...]:
    return (language.extension, *language.other_extensions)
