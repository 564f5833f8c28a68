"""Checkers in every store: an assignment's own, what one said of cases, and what an admin types in psql."""

from dataclasses import replace

import psycopg
import pytest
from psycopg.rows import DictRow

from submitter.adapters.postgres import PostgresCaseStore
from submitter.errors import AssignmentRefused
from submitter.model import MIB, CaseKind, Checker, Ending, Verdict
from submitter.outcomes import CaseResult, Outcome, Remarks
from submitter.ports import CaseStore
from submitter.runs import RunResult
from submitter.verdict import summarize
from tests.contract.case_stores import CASES, KEY, REF, SQUARES, make_start

CHECKER = Checker(program="import sys\nsys.exit(42)  # é\n", language="python", arguments=("a b", ""))
RUN = RunResult(ending=Ending.EXITED, exit_code=0, stdout=b"x")


@pytest.mark.parametrize("checker", [CHECKER, replace(CHECKER, interactive=True), None])
def test_a_checker_comes_back_as_it_was_saved(case_store: CaseStore, checker: Checker | None) -> None:
    saved = replace(SQUARES, checker=checker)
    case_store.save_assignment(saved)
    assert case_store.load_assignment(REF) == saved
    assert case_store.save_checker(REF, None)
    assert case_store.load_assignment(REF) == SQUARES
    assert case_store.save_checker(REF, checker)
    assert case_store.load_assignment(REF) == saved
    case_store.save_assignment(SQUARES)
    assert case_store.load_assignment(REF) == SQUARES


def test_an_assignment_without_cases_keeps_its_checker(case_store: CaseStore) -> None:
    saved = replace(SQUARES, cases=(), checker=CHECKER)
    case_store.save_assignment(saved)
    assert case_store.load_assignment(REF) == saved


def test_a_large_checker_is_stored_and_a_larger_one_refused(case_store: CaseStore) -> None:
    case_store.save_assignment(SQUARES)
    assert case_store.save_checker(REF, replace(CHECKER, program="#" * MIB))
    for program in ("#" * (MIB + 1), "", " ", "\0"):
        with pytest.raises(AssignmentRefused):
            case_store.save_checker(REF, replace(CHECKER, program=program))
        with pytest.raises(AssignmentRefused):
            case_store.save_assignment(replace(SQUARES, checker=replace(CHECKER, program=program)))
    known = case_store.load_assignment(REF)
    assert known is not None
    assert known.checker is not None
    assert len(known.checker.program) == MIB


def test_an_unknown_assignment_gets_no_checker(case_store: CaseStore) -> None:
    assert not case_store.save_checker(REF, CHECKER)
    assert case_store.load_assignment(REF) is None


def test_what_a_checker_said_is_read_back_to_be_shown_anew(case_store: CaseStore) -> None:
    results = [
        CaseResult(
            CASES[0], RUN, Verdict.ACCEPTED, CASES[0].points / 2, partial=0.5, remarks=Remarks("for you", "for us")
        ),
        CaseResult(CASES[1], RUN, Verdict.WRONG_ANSWER, 0.0, remarks=Remarks()),
        *(CaseResult(case, RUN, Verdict.RUNTIME_ERROR, 0.0) for case in CASES[2:]),
    ]
    case_store.save_assignment(SQUARES)
    with case_store.publish_turn(case_store.begin_attempt(make_start())) as turn:
        turn.record(Outcome(report=summarize(results)), published=True, results_version="first")
    with case_store.reshow_turn(REF, KEY.subid) as shown:
        assert shown is not None
        assert shown.result.report.case_results == tuple(results)


# -- for admins ---------------------------------------------------------------------------------------------------

NAMES = "'m.soltys', 'aws_labs', 'lab5_containers'"


def _call(sql: psycopg.Connection[DictRow], call: str) -> object:
    row = sql.execute(f"SELECT submitter.{call} AS answer".encode()).fetchone()
    assert row is not None
    return row["answer"]


def test_an_admin_sets_and_removes_a_checker(
    postgres_store: PostgresCaseStore, sql: psycopg.Connection[DictRow]
) -> None:
    postgres_store.save_assignment(SQUARES)
    said = _call(sql, f"set_checker({NAMES}, 'exit 42', 'bash', ARRAY['x'])")
    assert str(said).startswith("a checker in bash judges the outputs. It was not tried: `submitter check` does")
    made = Checker(program="exit 42", language="bash", arguments=("x",))
    assert postgres_store.load_assignment(REF) == replace(SQUARES, checker=made)
    said = _call(sql, f"set_checker({NAMES}, 'exit 42', 'bash', ARRAY['x'], interactive => true)")
    assert str(said).startswith("an interactor in bash speaks to the programs. It was not tried")
    assert postgres_store.load_assignment(REF) == replace(SQUARES, checker=replace(made, interactive=True))
    _call(sql, f"set_checker({NAMES}, 'import sys')")
    assert postgres_store.load_assignment(REF) == replace(
        SQUARES, checker=Checker(program="import sys", language="python")
    )
    assert _call(sql, f"set_checker({NAMES})") == "outputs are compared; no checker is asked"
    assert postgres_store.load_assignment(REF) == SQUARES


@pytest.mark.parametrize(
    ("call", "constraint"),
    [
        (f"set_checker({NAMES}, ' ')", "checker_has_1_byte_to_1_mib"),
        (f"set_checker({NAMES}, repeat('x', 1048577))", "checker_has_1_byte_to_1_mib"),
        (f"set_checker({NAMES}, 'x', arguments => ARRAY[NULL])", "arguments_have_no_nulls"),
    ],
)
def test_what_cannot_be_a_checker_is_refused_in_sql_too(
    postgres_store: PostgresCaseStore, sql: psycopg.Connection[DictRow], call: str, constraint: str
) -> None:
    postgres_store.save_assignment(SQUARES)
    with pytest.raises(psycopg.errors.CheckViolation) as caught:
        _call(sql, call)
    assert caught.value.diag.constraint_name == constraint


def test_the_staff_finds_what_the_checker_said_and_why_a_submission_was_rejected(
    postgres_store: PostgresCaseStore, sql: psycopg.Connection[DictRow]
) -> None:
    postgres_store.save_assignment(SQUARES)
    result = CaseResult(CASES[0], RUN, Verdict.WRONG_ANSWER, 0.0, remarks=Remarks("for you", "for\0us"))
    with postgres_store.publish_turn(postgres_store.begin_attempt(make_start("v1"))) as turn:
        turn.record(Outcome(report=summarize([result])), published=True)
    with postgres_store.publish_turn(postgres_store.begin_attempt(make_start("v2"))) as turn:
        turn.record(Outcome(reason="not your fault", detail="the checker failed on test 1"), published=True)
    [said] = sql.execute("SELECT * FROM submitter.case_remarks").fetchall()
    assert (said["kind"], said["ordinal"], said["team_message"]) == (CaseKind.TEST.value, 1, "for you")
    assert said["judge_message"].startswith("for")
    found = sql.execute("SELECT state, reason, detail FROM submitter.results ORDER BY attempt_id").fetchall()
    assert [(row["state"], row["reason"], row["detail"]) for row in found] == [
        ("graded", None, None),
        ("rejected", "not your fault", "the checker failed on test 1"),
    ]
