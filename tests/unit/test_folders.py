"""Grading folders: line N belongs to line N, or the import is refused with words that say where to look."""

import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from submitter import folders
from submitter.adapters.memory import MemoryResultStore
from submitter.comparison import Comparison
from submitter.errors import AssignmentRefused, StoreUnavailable
from submitter.folders import (
    bucket_reader,
    local_reader,
    read_checker,
    read_comparison,
    read_folder,
    read_grading,
    write_folder,
)
from submitter.model import CaseKind, Checker, Step, TestCase
from submitter.points import CaseRole, Group, GroupRule, LimitOverrides

TEST, GRADE = CaseKind.TEST, CaseKind.GRADE


def read(files: Mapping[str, bytes]) -> tuple[TestCase, ...]:
    return read_folder(files.get)


def texts(files: Mapping[str, bytes]) -> list[tuple[str, str]]:
    return [(case.input, case.expected) for case in read(files)]


def test_line_n_of_the_two_files_is_case_n_and_test_cases_come_first() -> None:
    files = {
        "grade.in": b"4\n",
        "grade.out": b"16\n",
        "test.in": b"2\n3\n",
        "test.out": b"4\n9\n",
        "notes.txt": b"\xff",
    }
    assert read(files) == (
        TestCase(TEST, 1, "2", "4", 1.0),
        TestCase(TEST, 2, "3", "9", 1.0),
        TestCase(GRADE, 1, "4", "16", 1.0),
    )


@pytest.mark.parametrize("kind", CaseKind)
def test_one_kind_of_cases_is_enough(kind: CaseKind) -> None:
    assert read({f"{kind}.in": b"2", f"{kind}.out": b"4"}) == (TestCase(kind, 1, "2", "4"),)


@pytest.mark.parametrize(
    ("inputs", "outputs", "expected"),
    [
        (b"2\n3\n", b"4\n9\n", [("2", "4"), ("3", "9")]),
        (b"2\n3", b"4\n9", [("2", "4"), ("3", "9")]),  # the last line may lack its end
        (b"2\r\n3\r\n", b"4\n9\n", [("2", "4"), ("3", "9")]),
        (b"\xef\xbb\xbf2\n", b"\xef\xbb\xbf4\r\n", [("2", "4")]),
        (b"\n\n", b"0\n\n", [("", "0"), ("", "")]),  # an empty line is a case too
        (b" a  b \n", b"\tx \n", [(" a  b ", "\tx ")]),
        (b"a\\nb\n", b"\\\n", [("a\\nb", "\\")]),  # nothing is read into a backslash
        ("é\u2028x\x0b\x0c\x85\n".encode(), b"9\n", [("é\u2028x\x0b\x0c\x85", "9")]),  # no line ends of ours
        (b"a\rb\n", b"9\n", [("a\rb", "9")]),
    ],
)
def test_lines_are_read_as_they_stand(inputs: bytes, outputs: bytes, expected: list[tuple[str, str]]) -> None:
    assert texts({"test.in": inputs, "test.out": outputs}) == expected


@pytest.mark.parametrize("kind", CaseKind)
@pytest.mark.parametrize(
    ("inputs", "outputs", "counts"),
    [
        (b"1\n2\n3\n", b"1\n2\n", (3, 2)),
        (b"1\n", b"1\n\n", (1, 2)),
        (b"1\n2", b"", (2, 0)),
        (b"", b"\n", (0, 1)),
        (b"1\r\n2\r\n", b"1\r\n", (2, 1)),
    ],
)
def test_unequal_files_are_refused_with_both_counts(
    kind: CaseKind, inputs: bytes, outputs: bytes, counts: tuple[int, int]
) -> None:
    with pytest.raises(AssignmentRefused) as caught:
        read({f"{kind}.in": inputs, f"{kind}.out": outputs})
    assert f"{kind}.in has {counts[0]} lines and {kind}.out has {counts[1]}" in str(caught.value)


@pytest.mark.parametrize(
    ("files", "why"),
    [
        ({}, r"no case in the folder; it needs test\.in"),
        ({"test.in": b"", "test.out": b""}, "no case"),
        ({"test.in": b"\xef\xbb\xbf", "test.out": b""}, "no case"),
        ({"test.in": b"2\n"}, r"test\.out is missing"),
        ({"test.out": b"2\n"}, r"test\.in is missing"),
        ({"test.in": b"", "grade.in": b"1", "grade.out": b"1"}, r"test\.out is missing"),
        ({"test.in": b"2", "test.out": b"4", "grade.in": b"2"}, r"grade\.out is missing"),
        ({"test.in": b"2", "test.out": b"4", "grade.out": b"2"}, r"grade\.in is missing"),
        ({"test.in": b"1\n2\n\xff\n", "test.out": b"1\n2\n3\n"}, r"test\.in is not UTF-8: look at line 3"),
        ({"test.in": b"1\n", "test.out": "é".encode("latin-1")}, r"test\.out is not UTF-8: look at line 1"),
        ({"test.in": "1\n".encode("utf-16"), "test.out": b"1\n"}, r"test\.in is not UTF-8"),
        ({"test.in": b"\xed\xa0\x80", "test.out": b"1\n"}, r"test\.in is not UTF-8"),
        ({"test.in": b"1\n2\0\n", "test.out": b"1\n2\n"}, r"test\.in holds a NUL character at line 2"),
        ({"grade.in": b"1\n", "grade.out": b"\0"}, r"grade\.out holds a NUL character at line 1"),
    ],
)
def test_faulty_folder_is_refused_and_the_file_is_named(files: dict[str, bytes], why: str) -> None:
    with pytest.raises(AssignmentRefused, match=why):
        read(files)


@pytest.fixture
def small_files_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders, "MAX_FILE_BYTES", 100)


@pytest.mark.usefixtures("small_files_only")
def test_file_that_is_too_large_is_refused() -> None:
    with pytest.raises(AssignmentRefused, match=r"test\.in is larger"):
        read({"test.in": b"x" * 101, "test.out": b"1"})
    assert read({"test.in": b"x" * 100, "test.out": b"1"})


# -- a directory --------------------------------------------------------------------------------------------------


def test_folder_is_read_from_a_directory(tmp_path: Path) -> None:
    (tmp_path / "test.in").write_bytes(b"2\n")
    (tmp_path / "test.out").write_bytes(b"4\n")
    assert read_folder(local_reader(tmp_path)) == (TestCase(TEST, 1, "2", "4"),)


@pytest.mark.parametrize("name", ["nothing", "file"])
def test_what_is_no_directory_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_bytes(b"2\n")
    with pytest.raises(AssignmentRefused, match="no directory"):
        local_reader(tmp_path / name)


def test_file_that_cannot_be_read_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "test.in").mkdir()
    with pytest.raises(AssignmentRefused, match=r"cannot read .*test\.in"):
        read_folder(local_reader(tmp_path))


# Lines as they can stand in a file: no line breaks, no NUL, and no byte-order mark, which Windows puts first.
lines = st.text(st.characters(codec="utf-8", exclude_characters="\n\r\0\ufeff"), max_size=20)
some_cases = st.lists(st.tuples(st.sampled_from(CaseKind), lines, lines), min_size=1, max_size=6)


@settings(deadline=None)
@given(some_cases)
@example([(TEST, "", ""), (GRADE, "a\\nb", "\u2028\x85")])
def test_exported_folder_is_imported_as_the_same_cases(chosen: list[tuple[CaseKind, str, str]]) -> None:
    ordinals = dict.fromkeys(CaseKind, 0)
    cases = []
    for kind, text, expected in sorted(chosen, key=lambda one: list(CaseKind).index(one[0])):
        ordinals[kind] += 1
        cases.append(TestCase(kind, ordinals[kind], text, expected))
    with tempfile.TemporaryDirectory() as directory:
        assert write_folder(Path(directory), tuple(cases)) == 0
        assert read_folder(local_reader(Path(directory))) == tuple(cases)


@pytest.mark.parametrize(
    ("text", "broken"), [("a\nb", 1), ("a\rb", 1), ("a\r\nb", 1), ("a\n\n", 1), ("a\n", 0), ("a", 0), ("", 0)]
)
def test_cases_with_line_breaks_are_counted_because_they_do_not_come_back_the_same(
    tmp_path: Path, text: str, broken: int
) -> None:
    cases = (TestCase(TEST, 1, text, "9"), TestCase(TEST, 2, "2", text), TestCase(GRADE, 1, text, text))
    assert write_folder(tmp_path, cases) == 3 * broken
    assert len(read_folder(local_reader(tmp_path))) == 3


def test_kind_without_cases_has_no_files(tmp_path: Path) -> None:
    write_folder(tmp_path / "new" / "folder", (TestCase(GRADE, 1, "2", "4"),))
    assert sorted(path.name for path in (tmp_path / "new" / "folder").iterdir()) == ["grade.in", "grade.out"]


def test_directory_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(AssignmentRefused, match="cannot write"):
        write_folder(tmp_path / "file", (TestCase(TEST, 1, "2", "4"),))


# -- how outputs are compared -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "comparison"),
    [
        (None, None),
        (b"exact", "exact"),
        (b"exact\n", "exact"),
        (b"numbers absolute=1e-6\r\n", "numbers absolute=1e-6"),
        (b"\xef\xbb\xbftokens ignore_case\n", "whitespace ignore_case"),
    ],
)
def test_folder_may_say_how_outputs_are_compared(data: bytes | None, comparison: str | None) -> None:
    read = read_comparison({"comparison": data}.get)
    assert read == (Comparison.parse(comparison) if comparison else None)


@pytest.mark.parametrize("data", [b"", b"fuzzy\n", b"exact\nexact\n", b"exact\n\n", b"\xff", b"exact\0"])
def test_folder_that_says_something_else_is_refused(data: bytes) -> None:
    with pytest.raises(AssignmentRefused, match="comparison"):
        read_comparison({"comparison": data}.get)


def test_exported_folder_says_how_outputs_are_compared(tmp_path: Path) -> None:
    comparison = Comparison.parse("numbers relative=0.5 ignore_case")
    write_folder(tmp_path, (TestCase(TEST, 1, "2", "4"),), comparison)
    assert read_comparison(local_reader(tmp_path)) == comparison


# -- grading.toml -------------------------------------------------------------------------------------------------

THREE_AND_TWO = {"test.in": b"1\n2\n3\n", "test.out": b"1\n2\n3\n", "grade.in": b"4\n5\n", "grade.out": b"4\n5\n"}


def read_with(text: str) -> tuple[tuple[TestCase, ...], tuple[Group, ...]]:
    return read_grading((THREE_AND_TWO | {"grading.toml": text.encode()}).get)


def test_grading_file_says_what_cases_are_worth_their_groups_and_limits() -> None:
    cases, groups = read_with(
        """
        [[group]]
        name = "samples"
        rule = "minimum"
        stops_early = true
        cases = ["test 1-2"]

        [[group]]
        name = "rest"
        depends_on = ["samples"]
        cases = ["test 3", "grade 1"]

        [[case]]
        cases = ["grade 1-2"]
        points = 2.5
        cpu_time_s = 5
        output_bytes = 100

        [[case]]
        cases = ["grade 2"]
        role = "bonus"
        cpu_time_s = 6
        """
    )
    assert groups == (Group("samples", GroupRule.MINIMUM, True), Group("rest", depends_on=("samples",)))
    assert [(case.name, case.points, case.group, case.role) for case in cases] == [
        ("test 1", 1, "samples", "regular"),
        ("test 2", 1, "samples", "regular"),
        ("test 3", 1, "rest", "regular"),
        ("grade 1", 2.5, "rest", "regular"),
        ("grade 2", 2.5, None, "bonus"),
    ]
    assert [case.limits for case in cases[3:]] == [
        LimitOverrides(cpu_time_s=5, output_bytes=100),
        LimitOverrides(cpu_time_s=6, output_bytes=100),
    ]


def test_folder_without_grading_file_has_no_groups() -> None:
    assert read_grading(THREE_AND_TWO.get) == (read(THREE_AND_TWO), ())


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[[group]", "is no TOML"),
        ("groups = 1", r"'groups' means nothing here; write \[\[group\]\] and"),
        ("[group]\nname = 'a'", r"begins with \[\[group\]\]"),
        ("[[group]]\nname = 'a'", r"number 1: say which: cases = \["),
        ("[[group]]\ncases = ['test 1']", "give it a name"),
        ("[[group]]\nname = 'a'\ncases = ['test 4']", "no case test 4; the folder has 3 test cases"),
        ("[[group]]\nname = 'a'\ncases = ['test 1-999999999']", "no case test 999999999"),
        ("[[group]]\nname = 'a'\ncases = ['test 2-1']", "runs backwards"),
        ("[[group]]\nname = 'a'\ncases = ['tests']", "names no case; write"),
        ("[[group]]\nname = 'a'\ncases = [1]", "1 names no case; write"),
        ("[[group]]\nname = 'a'\nrule = 'best'\ncases = []", "rule is one of sum, minimum, all_or_nothing, not 'best'"),
        ("[[group]]\nname = 'a'\nstops_early = 'yes'\ncases = []", "is true or false"),
        ("[[group]]\nname = 'a'\ndepends_on = 'b'\ncases = []", "lists names of groups"),
        (
            "[[group]]\nname = 'a'\ndepends_on = ['b']\ncases = []",
            "the group “a” depends on “b”, which is",
        ),
        (
            "[[group]]\nname = 'a'\nstop_early = true\ncases = []",
            "'stop_early' means nothing here; there are name",
        ),
        (
            "[[group]]\nname = 'a'\ncases = ['test 1']\n[[group]]\nname = 'b'\ncases = ['test 1-2']",
            r"\[\[group\]\] number 2: test 1 is in the group “a” already",
        ),
        ("[[case]]\ncases = ['test 1']\npoints = -1", "points is a number of 0 or more, not -1"),
        ("[[case]]\ncases = ['test 1']\npoints = nan", "points is a number of 0 or more, not nan"),
        ("[[case]]\ncases = ['test 1']\npoints = true", "points is a number of 0 or more, not True"),
        ("[[case]]\ncases = ['test 1']\nrole = 'extra'", "role is one of regular, bonus, penalty"),
        ("[[case]]\ncases = ['test 1']\nwall_time_s = 0", "wall_time_s is a number greater than 0"),
        ("[[case]]\ncases = ['test 1']\nmemory_bytes = 1.5", "whole number of bytes"),
        ("[[case]]\ncases = ['test 1']\nprocesses = 2147483648", "processes is a whole number"),
        ("[[case]]\ncases = ['test 1']\nstep = 'build'", "step is one of run, prove, not 'build'"),
        (
            "[[case]]\ncases = ['test 1']\nstep = 'prove'",
            "test 1 proves the program: leave its lines",
        ),
    ],
)
def test_grading_file_that_makes_no_sense_is_refused_and_says_what_to_write(text: str, why: str) -> None:
    with pytest.raises(AssignmentRefused, match=why):
        read_with(text)


@settings(deadline=None)
@given(st.data())
def test_exported_groups_points_and_limits_are_imported_as_the_same(data: st.DataObject) -> None:
    names = st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S"]), min_size=1, max_size=8)
    groups = tuple(
        Group(name, data.draw(st.sampled_from(GroupRule)), data.draw(st.booleans()))
        for name in data.draw(st.lists(names, max_size=3, unique=True))
    )
    groups = tuple(replace(group, depends_on=tuple(one.name for one in groups[:n])) for n, group in enumerate(groups))
    some = st.sampled_from(
        [
            LimitOverrides(),
            LimitOverrides(cpu_time_s=0.1),
            LimitOverrides(memory_bytes=2**40, file_bytes=1, processes=9),
        ]
    )
    border = data.draw(st.integers(0, len(groups)))  # test cases never wait for grade cases
    open_to = {CaseKind.TEST: groups[: border + 1], CaseKind.GRADE: groups[border:]}
    cases = []
    for case in read(THREE_AND_TWO):
        group = data.draw(st.sampled_from([None, *(group.name for group in open_to[case.kind])]))
        role = data.draw(st.sampled_from(CaseRole)) if group is None else CaseRole.REGULAR
        points = data.draw(st.floats(0, 1e30))
        cases.append(replace(case, points=points, group=group, role=role, limits=data.draw(some)))
    with tempfile.TemporaryDirectory() as directory:
        write_folder(Path(directory), tuple(cases), groups=groups)
        assert read_grading(local_reader(Path(directory))) == (tuple(cases), groups)


def test_grading_file_names_the_checker() -> None:
    files = {"grading.toml": b'[checker]\nfile = "sums.cc"\narguments = ["a b", ""]\n', "sums.cc": b"int main() {}"}
    assert read_checker(files.get) == Checker(program="int main() {}", language="cpp", arguments=("a b", ""))
    files["grading.toml"] = b'[checker]\nfile = "sums.cc"\nlanguage = "c"\ninteractive = true\n'
    assert read_checker(files.get) == Checker(program="int main() {}", language="c", interactive=True)
    assert read_checker({"grading.toml": b""}.get) is None
    assert read_checker(lambda _: None) is None


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("checker = 1", "as a table that begins with"),
        ("[checker]", "say which file"),
        ("[checker]\nfile = 'c.py'\nfiel = 1", "'fiel' means nothing here"),
        ("[checker]\nfile = '../c.py'", "cannot be a file's name"),
        ("[checker]\nfile = 'none.py'", "there is no none.py beside it"),
        ("[checker]\nfile = 'binary.py'", "not UTF-8"),
        ("[checker]\nfile = 'empty.py'", "is empty"),
        ("[checker]\nfile = 'c.py'\narguments = 'x'", "a list of texts"),
        ("[checker]\nfile = 'c.py'\nlanguage = 'cobol'", "no language cobol"),
        ("[checker]\nfile = 'c.py'\ninteractive = 1", "interactive is true or false"),
    ],
)
def test_a_checker_that_makes_no_sense_is_refused_and_says_what_to_write(text: str, why: str) -> None:
    files = {"grading.toml": text.encode(), "c.py": b"1", "binary.py": b"\xff", "empty.py": b" "}
    with pytest.raises(AssignmentRefused, match=why):
        read_checker(files.get)


def test_an_exported_checker_is_imported_as_the_same(tmp_path: Path) -> None:
    checker = Checker(program="print('é')\n", language="python", arguments=("--strict", "“”"), interactive=True)
    cases = (TestCase(TEST, 1, "2", "4"),)
    write_folder(tmp_path, cases, checker=checker)
    assert read_checker(local_reader(tmp_path)) == checker
    assert read_grading(local_reader(tmp_path)) == (cases, ())


def test_a_folder_may_have_the_program_proved(tmp_path: Path) -> None:
    files = {
        "test.in": b"2\n\n3\n",
        "test.out": b"4\n\n9\n",
        "grading.toml": b"[[case]]\ncases = ['test 2']\nstep = 'prove'\npoints = 5\n",
    }
    cases, _ = read_grading(files.get)
    assert cases == (
        TestCase(TEST, 1, "2", "4"),
        TestCase(TEST, 2, "", "", 5.0, step=Step.PROVE),
        TestCase(TEST, 3, "3", "9"),
    )
    write_folder(tmp_path, cases)
    assert read_grading(local_reader(tmp_path)) == (cases, ())


def test_export_with_nothing_to_say_leaves_no_old_grading_file(tmp_path: Path) -> None:
    cases = read(THREE_AND_TWO)
    write_folder(tmp_path, cases, groups=(Group("g"),))
    assert (tmp_path / "grading.toml").exists()
    write_folder(tmp_path, cases)
    assert not (tmp_path / "grading.toml").exists()


# -- a bucket -----------------------------------------------------------------------------------------------------


@pytest.fixture
def bucket() -> MemoryResultStore:
    store = MemoryResultStore()
    for name, data in (("test.in", b"2\n"), ("test.out", b"4\n")):
        store.put(f"/m.soltys/aws_labs/lab5/grading/{name}", data, "text/plain")
    return store


@pytest.mark.parametrize("prefix", ["/m.soltys/aws_labs/lab5/grading", "/m.soltys/aws_labs/lab5/grading/"])
def test_folder_is_read_from_the_bucket_with_and_without_a_slash_at_its_end(
    bucket: MemoryResultStore, prefix: str
) -> None:
    assert read_folder(bucket_reader(bucket, prefix)) == (TestCase(TEST, 1, "2", "4"),)


@pytest.mark.usefixtures("small_files_only")
def test_object_that_is_too_large_is_the_admins_fault_not_a_students(bucket: MemoryResultStore) -> None:
    bucket.put("/m.soltys/aws_labs/lab5/grading/test.in", b"x" * 101, "text/plain")
    with pytest.raises(AssignmentRefused, match=r"test\.in is larger"):
        read_folder(bucket_reader(bucket, "/m.soltys/aws_labs/lab5/grading"))


def test_bucket_that_is_away_is_not_an_empty_folder(bucket: MemoryResultStore) -> None:
    bucket.fail_next(StoreUnavailable("away"))
    with pytest.raises(StoreUnavailable):
        read_folder(bucket_reader(bucket, "/m.soltys/aws_labs/lab5/grading"))
