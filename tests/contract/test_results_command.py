"""`submitter results` as an admin types it, on a real Postgres: who has what, and reports as files."""

import csv
import io
import json
import sys
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.rows import DictRow

from submitter.accounts import AccountFilter
from submitter.adapters.postgres import PostgresCaseStore
from submitter.cli import main
from submitter.model import Verdict
from submitter.outcomes import CaseResult, GradeReport, Outcome
from submitter.reports import page
from tests.contract.case_stores import ADA, CASES, GRACE, REF, REJECTED, SQUARES
from tests.contract.test_accounts import ALL_RIGHT, ONE_RIGHT, OTHER, RUN, hand_in
from tests.unit.test_reports import read_junit
from tests.unit.test_terminal import run_on_a_terminal

SECRET = "tok-printed-in-a-hidden-case"
Run = Callable[..., str]


@pytest.fixture
def run(database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Give a command; its output, after it was seen to have ended with that code."""
    monkeypatch.setenv("SUBMITTER_DATABASE_URL", database_url)

    def run(*arguments: object, code: int = 0) -> str:
        with pytest.raises(SystemExit) as caught:
            main(["results", *map(str, arguments)])
        captured = capsys.readouterr()
        assert caught.value.code == code, captured.err
        return captured.err if code else captured.out

    return run


@pytest.fixture
def course(postgres_store: PostgresCaseStore, sql: psycopg.Connection[DictRow]) -> list[str]:
    """Four submissions, of which the second was better the first time."""
    sql.execute("SELECT submitter.register(%s, %s)", (ADA, "ada@example.edu"))
    postgres_store.save_assignment(SQUARES)
    hidden = replace(RUN, stdout=SECRET.encode(), stderr=SECRET.encode(), wall_time_s=77.0)
    results = [
        CaseResult(CASES[0], replace(RUN, stdout=b"<b>5</b>\n"), Verdict.WRONG_ANSWER, 0.0),
        CaseResult(CASES[2], hidden, Verdict.RUNTIME_ERROR, 0.0),
    ]
    subids = [
        hand_in(postgres_store, ALL_RIGHT, 1),
        hand_in(postgres_store, ONE_RIGHT, 2, tokens=(ADA, GRACE)),
        hand_in(postgres_store, REJECTED, 3),
        hand_in(postgres_store, ALL_RIGHT, 4, ref=OTHER),
    ]
    hand_in(
        postgres_store, Outcome(report=GradeReport(tuple(results), 0.0, 3.5, 77.5)), 2, upload="v2", tokens=(ADA, GRACE)
    )
    return subids


def documents(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_a_verdict_may_be_named_by_the_code_that_the_table_shows(course: list[str], run: Run) -> None:
    assert run("--verdict", "RE") == run("--verdict", "runtime_error") != run("--verdict", "accepted")


def test_a_folder_with_an_index_of_everybody_gets_no_pages_for_students(
    course: list[str], run: Run, tmp_path: Path
) -> None:
    run("--html", tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert "tells of everybody" in run("--html", tmp_path, "--for", "student", code=2)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_who_asks_for_what_is_not_there_is_told(
    course: list[str], run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["results", "--student", "nobody@example.edu"])
    captured = capsys.readouterr()
    assert (caught.value.code, captured.out) == (0, "")
    assert "no submission is like that" in captured.err


def test_the_table_has_a_line_for_each_that_is_named(course: list[str], run: Run) -> None:
    for subid in course:
        assert subid in run()
    told = run(
        "--assignment", REF, "--verdict", "runtime_error", "--student", "ADA@example.edu", "--since", "2026-01-01"
    )
    assert course[1] in told
    assert "WA RE" in told
    assert not [subid for subid in course if subid != course[1] and subid in told]
    assert course[2] in run("--state", "rejected")
    assert not any(subid in run("--since", "2999-01-01T00:00+02:00") for subid in course)


def test_the_grade_books_agree(course: list[str], run: Run) -> None:
    rows = list(csv.DictReader(io.StringIO(run("--csv"))))
    told = documents(run("--json"))
    assert [(row["subid"], row["email"], float(row["score"] or 0)) for row in rows] == [
        (one["subid"], student["email"] or "", one["score"]) for one in told for student in one["students"]
    ]
    assert [row["subid"] for row in rows] == [course[0], course[1], course[1], course[2], course[3]]
    assert rows[3]["reason"] == REJECTED.reason


def test_the_best_try_may_be_another_than_the_last(course: list[str], run: Run) -> None:
    assert [one["score"] for one in documents(run(course[1], "--json"))] == [0.0]
    assert [one["score"] for one in documents(run(course[1], "--json", "--try", "best"))] == [1.0]


def test_one_submission_is_told_case_by_case(course: list[str], run: Run) -> None:
    told = run(course[1])
    assert "- 4" in told
    assert "+ <b>5</b>" in told
    assert SECRET in told, "an admin sees hidden cases"
    assert "there is no such submission" in run("f" * 32, code=1)


def test_files_for_admins_hold_everything(course: list[str], run: Run, tmp_path: Path) -> None:
    folder, junit = tmp_path / "pages", tmp_path / "junit.xml"
    assert run("--assignment", REF, "--html", folder, "--junit", junit) == "wrote 3 submissions\n"
    assert sorted(path.name for path in folder.iterdir()) == [*(f"{subid}.html" for subid in course[:3]), "index.html"]
    assert SECRET in (folder / f"{course[1]}.html").read_text()
    assert "ada@example.edu" in (folder / "index.html").read_text()
    assert len(read_junit(junit.read_text())) == 3
    assert SECRET in junit.read_text()


def test_for_a_student_nothing_is_told_of_hidden_cases_or_of_others(
    course: list[str], run: Run, tmp_path: Path
) -> None:
    """Whatever is asked for, alone or together; and no index, which would have everybody's points."""
    student = ["--for", "student"]
    folder, junit = tmp_path / "pages", tmp_path / "junit.xml"
    printed = [run(*student, *form) for form in ([], ["--csv"], ["--json"], [course[1]], [course[1], "--json"])]
    printed.append(run(*student, "--html", folder, "--junit", junit))
    written = [path.read_text() for path in [*folder.iterdir(), junit]]
    assert not (folder / "index.html").exists()
    assert len(written) == 5
    for text in [*printed, *written]:
        for word in (SECRET, "77.0", "77.5", "ada@", ADA, GRACE, "host-1"):
            assert word not in text
    assert "&lt;b&gt;5&lt;/b&gt;" in (folder / f"{course[1]}.html").read_text(), "what is open they may see"


def test_an_output_can_be_printed_beside_the_files(course: list[str], run: Run, tmp_path: Path) -> None:
    assert len(documents(run("--json", "--junit", tmp_path / "x.xml"))) == 4
    assert len(read_junit((tmp_path / "x.xml").read_text())) == 4


def test_an_export_holds_one_submission_at_a_time(postgres_store: PostgresCaseStore) -> None:
    """A course of ten thousand has gigabytes of outputs in Postgres; so much at once is in no report."""
    run = replace(RUN, stdout=b"x" * 60_000, stderr=b"y" * 60_000)
    report = GradeReport(tuple(CaseResult(case, run, Verdict.RUNTIME_ERROR, 0.0) for case in CASES), 0.0, 4.0, 0.1)
    for number in range(60):
        hand_in(postgres_store, Outcome(report=report), number)
    tracemalloc.start()
    pages = sum(1 for one in postgres_store.list_accounts(AccountFilter(), with_texts=True) if page.page(one))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert pages == 60
    assert peak < 4 << 20, f"{peak} bytes; the outputs have {60 * 3 * 120_000}"


def test_a_long_export_shows_on_a_terminal_that_something_happens(
    course: list[str], database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUBMITTER_DATABASE_URL", database_url)
    code, said = run_on_a_terminal([sys.executable, "-m", "submitter", "results", "--junit", str(tmp_path / "x.xml")])
    assert code == 0
    assert b"writing" in said
    assert len(read_junit((tmp_path / "x.xml").read_text())) == 4
