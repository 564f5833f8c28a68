"""Small problem packages of our own, one in each format: all ask for twice a number."""

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

RIGHT = b"print(2 * int(input()))\n"
WRONG = b"print(2 + int(input()))\n"
CRASHES = b"raise SystemExit(3)\n"
SLOW = b"while True:\n    pass\n"

_SUBMISSIONS = {
    "submissions/accepted/right.py": RIGHT,
    "submissions/accepted/right.f90": b"end\n",
    "submissions/wrong_answer/plus.py": WRONG,
    "submissions/run_time_error/crash.py": CRASHES,
    "submissions/time_limit_exceeded/slow.py": SLOW,
}

LEGACY: Mapping[str, bytes] = {
    "problem.yaml": b"name: Twice\nlimits:\n  time_limit: 1\n  memory: 128\nvalidator_flags: case_sensitive\n",
    "problem_statement/problem.en.tex": b"Print twice the number.",
    "data/sample/1.in": b"2\n",
    "data/sample/1.ans": b"4\n",
    "data/secret/01.in": b"3\n",
    "data/secret/01.ans": b"6\n",
    **_SUBMISSIONS,
}

SCORING: Mapping[str, bytes] = {
    **{path: data for path, data in LEGACY.items() if not path.startswith("data/secret/")},
    "problem.yaml": b"name: Twice\ntype: scoring\nlimits:\n  time_limit: 1\n",
    "data/testdata.yaml": b"on_reject: continue\nrange: 0 100\ngrader_flags: ignore_sample\n",
    "data/secret/testdata.yaml": b"grader_flags: first_error accept_if_any_accepted\n",
    "data/secret/large/1.in": b"3\n",
    "data/secret/large/1.ans": b"6\n",
    "data/secret/large/2.in": b"2\n",
    "data/secret/large/2.ans": b"4\n",
    "data/secret/large/testdata.yaml": b"on_reject: break\naccept_score: 60\nrange: 0 60\ngrader_flags: min\n",
    "data/secret/small/1.in": b"2\n",
    "data/secret/small/1.ans": b"4\n",
    "data/secret/small/testdata.yaml": b"on_reject: break\naccept_score: 40\nrange: 0 40\ngrader_flags: min\n",
    "submissions/partially_accepted/plus.py": WRONG,
}

NEW: Mapping[str, bytes] = {
    "problem.yaml": b"""problem_format_version: 2023-07-draft
name:
  en: Twice
  de: Doppelt
limits:
  time_limit: 1
  memory: 128
""",
    "data/test_group.yaml": b"output_validator_args: [float_tolerance, '1e-6']\n",
    "data/sample/1.in": b"2\n",
    "data/sample/1.ans": b"4\n",
    "data/secret/1-small.in": b"2\n",
    "data/secret/1-small.ans": b"4\n",
    "data/secret/2-large.in": b"30\n",
    "data/secret/2-large.ans": b"60\n",
    "submissions/accepted/right.py": RIGHT,
    "submissions/mixed/plus.py": WRONG,
    "submissions/submissions.yaml": b"""mixed/plus.py:
  permitted: [AC, WA]
  secret/*-small:
    permitted: [AC]
  secret/*-large:
    required: [WA]
""",
}

DMOJ: Mapping[str, bytes] = {
    "init.yml": b"""archive: cases.zip
checker: standard
test_cases:
- {in: 1.in, out: 1.out, points: 10}
- batched:
  - {in: 2.in, out: 2.out}
  - {in: 3.in, out: 3.out}
  points: 90
  dependencies: []
""",
    "tests/right/test.yml": b"language: PY3\ntime: 1\nmemory: 65536\nsource: right.py\nexpect: AC\n",
    "tests/right/right.py": RIGHT,
    "tests/plus/test.yml": b"language: PY3\ntime: 1\nmemory: 65536\nsource: plus.py\ncases: [AC, WA, AC]\n",
    "tests/plus/plus.py": WRONG,
    "tests/bf/test.yml": b"language: BF\ntime: 1\nmemory: 65536\nsource: x.b\nexpect: AC\n",
    "tests/bf/x.b": b"+.",
}

POLYGON: Mapping[str, bytes] = {
    "problem.xml": b"""<?xml version="1.0" encoding="utf-8" standalone="no"?>
<problem revision="3" short-name="twice">
  <judging input-file="" output-file="" run-count="1"><testset name="tests">
    <time-limit>1000</time-limit><memory-limit>134217728</memory-limit><test-count>2</test-count>
    <input-path-pattern>tests/%02d</input-path-pattern><answer-path-pattern>tests/%02d.a</answer-path-pattern>
    <tests><test method="manual" sample="true" group="0" points="0.0"/>
      <test method="manual" group="1" points="5.0"/></tests>
    <groups><group name="0" points="0.0" points-policy="complete-group"/>
      <group name="1" points="5.0" points-policy="complete-group">
        <dependencies><dependency group="0"/></dependencies></group>
    </groups>
  </testset></judging>
  <assets>
    <checker name="std::wcmp.cpp" type="testlib"><source path="files/check.cpp" type="cpp.g++17"/></checker>
    <solutions>
      <solution tag="main"><source path="solutions/right.py" type="python.3"/></solution>
      <solution tag="wrong-answer"><source path="solutions/plus.py" type="python.3"/></solution>
      <solution tag="time-limit-exceeded"><source path="solutions/slow.py" type="python.3"/></solution>
    </solutions>
  </assets>
</problem>
""",
    "tests/01": b"2\n",
    "tests/01.a": b"4\n",
    "tests/02": b"3\n",
    "tests/02.a": b"6\n",
    "solutions/right.py": RIGHT,
    "solutions/plus.py": WRONG,
    "solutions/slow.py": SLOW,
}


def zipped(files: Mapping[str, bytes]) -> bytes:
    """A zip archive of files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


CASES_OF_DMOJ = zipped(
    {"1.in": b"2\n", "1.out": b"4\n", "2.in": b"3\n", "2.out": b"6\n", "3.in": b"2\n", "3.out": b"4\n"}
)
ALL: Mapping[str, Mapping[str, bytes]] = {
    "legacy": LEGACY,
    "scoring": SCORING,
    "new": NEW,
    "dmoj": {**DMOJ, "cases.zip": CASES_OF_DMOJ},
    "polygon": POLYGON,
}


def unpacked(folder: Path, files: Mapping[str, bytes]) -> Path:
    """A package as a folder."""
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder
