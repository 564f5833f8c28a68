"""What an admin types in psql: the functions and views of the schema, the seeds."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import psycopg
import pytest
from psycopg.rows import DictRow

from submitter.adapters.postgres import PostgresCaseStore
from submitter.model import Assignment, CaseKind, Comparison, InputMode, Limits, Step, TestCase, Verdict
from submitter.points import CaseRole, Group, GroupResult, GroupRule, GroupStatus, LimitOverrides
from submitter.policy import Feedback, Late, Level, Policy, Terms, Tries, View
from submitter.resources import resource
from submitter.supplies import Supplies
from tests.comparisons import NOT_WRITTEN_SO, WRITTEN
from tests.contract.case_stores import ADA, GRADED, KEY, REF, SQUARES, gradebook, make_start, publish


def _call(sql: psycopg.Connection[DictRow], call: str) -> object:
    """The answer of `SELECT submitter.<call>`."""
    row = sql.execute(f"SELECT submitter.{call} AS answer".encode()).fetchone()
    assert row is not None
    return row["answer"]


def _refusal(sql: psycopg.Connection[DictRow], call: str) -> str:
    """What an admin reads after a call that fails: the message and the hint."""
    with pytest.raises(psycopg.Error) as caught:
        _call(sql, call)
    return f"{caught.value.diag.message_primary} HINT: {caught.value.diag.message_hint}"


NAMES = "'m.soltys', 'aws_labs', 'lab5_containers'"


def test_a_case_that_proves_is_appended(postgres_store: PostgresCaseStore, sql: psycopg.Connection[DictRow]) -> None:
    _call(sql, f"add_assignment({NAMES})")
    _call(sql, f"add_case({NAMES}, 'grade', '2', '4')")
    assert _call(sql, f"add_prove_case({NAMES}, 'grade', points => 2.5)") == 2
    assert _call(sql, f"add_prove_case({NAMES}, 'test')") == 1
    assert postgres_store.load_assignment(REF) == Assignment(
        ref=REF,
        cases=(
            TestCase(CaseKind.TEST, 1, "", "", step=Step.PROVE),
            TestCase(CaseKind.GRADE, 1, "2", "4"),
            TestCase(CaseKind.GRADE, 2, "", "", 2.5, step=Step.PROVE),
        ),
    )
    listed = sql.execute("SELECT kind, ordinal, step FROM submitter.case_list").fetchall()
    assert [(row["kind"], row["ordinal"], row["step"]) for row in listed] == [
        ("test", 1, "prove"),
        ("grade", 1, "run"),
        ("grade", 2, "prove"),
    ]


def test_a_case_that_proves_has_no_texts_and_no_limits_of_its_own(sql: psycopg.Connection[DictRow]) -> None:
    _call(sql, f"add_assignment({NAMES})")
    _call(sql, f"add_prove_case({NAMES}, 'test')")
    refusal = _refusal(sql, f"change_cases({NAMES}, 'test', ARRAY[1], cpu_time_s => 5)")
    assert "what_proves_has_the_limits_of_its_tool" in refusal
    with pytest.raises(psycopg.errors.CheckViolation, match="what_proves_has_no_input_and_no_expected_output"):
        sql.execute("UPDATE submitter.test_cases SET input = '5'")
    assert "there is no assignment" in _refusal(sql, "add_prove_case('a', 'e', 'none', 'test')")
    assert "the kind of a case is test or grade" in _refusal(sql, f"add_prove_case({NAMES}, 'exam')")


def test_a_new_assignment_has_the_defaults_of_the_model(
    postgres_store: PostgresCaseStore, sql: psycopg.Connection[DictRow]
) -> None:
    _call(sql, f"add_assignment({NAMES})")
    assert postgres_store.load_assignment(REF) == Assignment(ref=REF, cases=())


def test_a_main_file_is_set_and_taken_away(postgres_store: PostgresCaseStore, sql: psycopg.Connection[DictRow]) -> None:
    _call(sql, f"add_assignment({NAMES})")
    answer = _call(sql, f"set_main_file({NAMES}, 'main.py')")
    assert str(answer).startswith(
        "programs are called main.py; archives with such a file are taken. Whether python can"
    )
    assert postgres_store.load_assignment(REF) == Assignment(ref=REF, cases=(), supplies=Supplies(main_file="main.py"))
    for wrong in ("a/main.py", "main", "-x.py", "m" * 65 + ".py"):
        assert "main_file_is_a_plain_name" in _refusal(sql, f"set_main_file({NAMES}, '{wrong}')")
    assert _call(sql, f"set_main_file({NAMES})") == "programs are one file each"
    assert postgres_store.load_assignment(REF) == Assignment(ref=REF, cases=())
    with pytest.raises(psycopg.errors.CheckViolation, match="files_are_an_archive_of_at_most_8_mib"):
        sql.execute("UPDATE submitter.assignments SET files = decode(repeat('00', 8388609), 'hex')")


def test_modules_to_preload_are_set_and_taken_away(
    postgres_store: PostgresCaseStore, sql: psycopg.Connection[DictRow]
) -> None:
    _call(sql, f"add_assignment({NAMES})")
    assert _call(sql, f"set_preload({NAMES}, 'numpy,xml.dom')") == "executors import numpy,xml.dom ahead, if they can"
    found = postgres_store.load_assignment(REF)
    assert found is not None
    assert found.supplies == Supplies(preload=("numpy", "xml.dom"))
    for wrong in ("numpy, scipy", "a.", "a,,b", "a b", "-a", "a,b,a", ",".join(f"m{n}" for n in range(17))):
        assert "preload_names_modules_with_commas_between" in _refusal(sql, f"set_preload({NAMES}, '{wrong}')")
        with pytest.raises(ValueError, match="module"):
            Supplies(preload=tuple(wrong.split(",")))
    assert _call(sql, f"set_preload({NAMES})") == "nothing is preloaded"
    assert postgres_store.load_assignment(REF) == Assignment(ref=REF, cases=())


def test_adding_an_assignment_again_changes_what_is_named_and_keeps_the_rest(
    postgres_store: PostgresCaseStore, sql: psycopg.Connection[DictRow]
) -> None:
    _call(sql, f"add_assignment({NAMES}, input_mode => 'stdin', cpu_time_s => 0.5)")
    _call(sql, f"add_case({NAMES}, 'test', '2', '4')")
    answer = _call(sql, f"add_assignment({NAMES}, 'arguments', memory_bytes => 1000, processes => 3)")

    assert answer == "m.soltys/aws_labs/lab5_containers changed; its cases are kept"
    assert postgres_store.load_assignment(REF) == Assignment(
        ref=REF,
        cases=(TestCase(CaseKind.TEST, 1, "2", "4"),),
        input_mode=InputMode.ARGUMENTS,
        limits=Limits(cpu_time_s=0.5, memory_bytes=1000, processes=3),
    )


@pytest.mark.parametrize(("text", "printed"), WRITTEN.items())
def test_every_comparison_that_can_be_read_can_be_set(
    postgres_store: PostgresCaseStore, sql: psycopg.Connection[DictRow], text: str, printed: str
) -> None:
    sql.execute("SELECT submitter.add_assignment('m.soltys', 'aws_labs', 'lab5_containers', comparison => %s)", (text,))
    assert postgres_store.load_assignment(REF) == Assignment(ref=REF, cases=(), comparison=Comparison.parse(printed))


def test_no_other_comparison_can_be_set(sql: psycopg.Connection[DictRow]) -> None:
    for text in NOT_WRITTEN_SO:
        quoted = text.replace("'", "''")
        refusal = _refusal(sql, f"add_assignment({NAMES}, comparison => '{quoted}')")
        assert "comparison_is_written_as_in_docs_admins_md" in refusal, text


def test_a_setting_that_makes_no_sense_is_refused(sql: psycopg.Connection[DictRow]) -> None:
    assert "input_mode_is_argument_arguments_or_stdin" in _refusal(sql, f"add_assignment({NAMES}, 'keyboard')")
    assert "cpu_time_s_is_greater_than_0" in _refusal(sql, f"add_assignment({NAMES}, cpu_time_s => 0)")
    assert "cpu_time_s_is_greater_than_0" in _refusal(sql, f"add_assignment({NAMES}, cpu_time_s => 'NaN')")
    assert "without_slash" in _refusal(sql, "add_assignment('m.soltys', 'aws/labs', 'lab5')")
    assert sql.execute("SELECT * FROM submitter.assignments").fetchall() == []


def test_cases_are_added_at_the_end_of_their_kind(
    postgres_store: PostgresCaseStore, sql: psycopg.Connection[DictRow]
) -> None:
    _call(sql, f"add_assignment({NAMES})")
    calls = [
        f"add_case({NAMES}, 'test', '2', '4')",
        f"add_case({NAMES}, 'grade', '-12', '144', 2.5)",
        f"add_case({NAMES}, 'test', E'two\\nlines', '', points => 0.5)",
    ]
    assert [_call(sql, call) for call in calls] == [1, 1, 2]
    assert postgres_store.load_assignment(REF) == SQUARES


def test_cases_of_one_kind_are_replaced_and_the_others_stay(
    postgres_store: PostgresCaseStore, sql: psycopg.Connection[DictRow]
) -> None:
    postgres_store.save_assignment(SQUARES)
    assert _call(sql, f"replace_cases({NAMES}, 'test', ARRAY['5', '6', '7'], ARRAY['25', '36', '49'], 2)") == 3

    listed = sql.execute("SELECT kind, ordinal, input, expected, points FROM submitter.case_list").fetchall()
    assert [tuple(line.values()) for line in listed] == [
        ("test", 1, "5", "25", 2),
        ("test", 2, "6", "36", 2),
        ("test", 3, "7", "49", 2),
        ("grade", 1, "-12", "144", 2.5),
    ]
    assert _call(sql, f"replace_cases({NAMES}, 'grade', '{{}}', '{{}}')") == 0


def test_wrong_cases_are_refused_with_what_to_do_and_change_nothing(
    postgres_store: PostgresCaseStore, sql: psycopg.Connection[DictRow]
) -> None:
    postgres_store.save_assignment(SQUARES)

    text = _refusal(sql, f"replace_cases({NAMES}, 'test', ARRAY['1', '2', '3'], ARRAY['1', '4'])")
    assert "3 inputs but 2 expected outputs" in text
    text = _refusal(sql, f"replace_cases({NAMES}, 'test', ARRAY['1', '2'], ARRAY['1', NULL])")
    assert "case 2 is NULL" in text
    for call in ("add_case({}, 'exam', '1', '1')", "replace_cases({}, 'exam', ARRAY['1'], ARRAY['1'])"):
        assert "the kind of a case is test or grade, not 'exam'" in _refusal(sql, call.format(NAMES))
    assert "points_are_0_or_more" in _refusal(sql, f"add_case({NAMES}, 'test', '1', '1', -1)")

    assert postgres_store.load_assignment(REF) == SQUARES


@pytest.mark.parametrize(
    "call",
    [
        "add_case({}, 'test', '1', '1')",
        "replace_cases({}, 'test', ARRAY['1'], ARRAY['1'])",
        "remove_assignment({})",
    ],
)
def test_an_unknown_assignment_is_refused_with_the_call_that_makes_it(
    sql: psycopg.Connection[DictRow], call: str
) -> None:
    text = _refusal(sql, call.format(NAMES))
    assert "there is no assignment m.soltys/aws_labs/lab5_containers" in text
    assert f"SELECT submitter.add_assignment({NAMES});" in text


def test_a_wrong_token_or_address_is_refused(sql: psycopg.Connection[DictRow]) -> None:
    assert "32 hexadecimal digits in lower case, not 'AB'" in _refusal(sql, "register('AB', 'ada@example.edu')")
    assert "'ada' is not an e-mail address" in _refusal(sql, f"register('{ADA}', 'ada')")


def test_removing_an_assignment_keeps_submissions_and_results(
    postgres_store: PostgresCaseStore, sql: psycopg.Connection[DictRow]
) -> None:
    postgres_store.save_assignment(SQUARES)
    publish(postgres_store, postgres_store.begin_attempt(make_start()), GRADED)

    assert "removed" in str(_call(sql, f"remove_assignment({NAMES})"))

    assert postgres_store.load_assignment(REF) is None
    assert sql.execute("SELECT * FROM submitter.case_list").fetchall() == []
    assert gradebook(sql)["score"] == 1


def test_a_submission_can_be_deleted_with_all_that_belongs_to_it(
    postgres_store: PostgresCaseStore, sql: psycopg.Connection[DictRow]
) -> None:
    """A student's right to be forgotten; the pointer to the published result must not stand in the way."""
    publish(postgres_store, postgres_store.begin_attempt(make_start()), GRADED)
    sql.execute("DELETE FROM submitter.submissions WHERE subid = %s", (KEY.subid,))
    for table in ("submissions", "attempts", "results", "case_results"):
        assert sql.execute(f"SELECT * FROM submitter.{table}".encode()).fetchall() == []


def test_the_seeds_run_twice_and_make_what_they_say(
    postgres_store: PostgresCaseStore, sql: psycopg.Connection[DictRow]
) -> None:
    seeds = (resource("sql") / "seeds" / "lab5_containers.sql").read_bytes()
    sql.execute(seeds)
    once = postgres_store.load_assignment(REF)
    sql.execute(seeds)

    assert once is not None
    assert postgres_store.load_assignment(REF) == once
    assert (once.input_mode, once.limits) == (InputMode.ARGUMENT, Limits())
    assert [case.kind for case in once.cases] == [CaseKind.TEST] * 10 + [CaseKind.GRADE] * 4
    assert all(int(case.input) ** 2 == int(case.expected) for case in once.cases)
    assert sum(case.points for case in once.cases) == 20
    (registered,) = sql.execute("SELECT count(*) AS n FROM submitter.registrations").fetchall()
    assert registered["n"] == 2


def test_every_table_view_and_function_explains_itself(sql: psycopg.Connection[DictRow]) -> None:
    silent = sql.execute(
        """
        SELECT relname AS name FROM pg_class
        WHERE relnamespace = 'submitter'::regnamespace AND relkind IN ('r', 'v')
          AND obj_description(oid, 'pg_class') IS NULL
        UNION ALL
        SELECT proname FROM pg_proc
        WHERE pronamespace = 'submitter'::regnamespace AND obj_description(oid, 'pg_proc') IS NULL
        """
    ).fetchall()
    assert silent == []


def test_a_value_that_a_constraint_refuses_is_refused_with_what_to_do(
    postgres_store: PostgresCaseStore, sql: psycopg.Connection[DictRow]
) -> None:
    postgres_store.save_assignment(replace(SQUARES, groups=(Group("a"),)))
    for call, advice in (
        ("add_assignment('a/b', 'e', 'n')", "of m.soltys/aws_labs/lab6_sum, that is m.soltys"),
        ("add_assignment({}, input_mode => 'tty')", "Write argument .*, arguments .* or stdin"),
        ("add_assignment({}, comparison => 'fuzzy')", "Write exact, trailing_blanks, whitespace"),
        ("add_assignment(NULL, 'e', 'n')", "admin has to have a value"),
        ("add_case({}, 'test', '1', '1', -1)", "whose role is penalty"),
        ("add_case({}, 'test', NULL, '1')", "input has to have a value"),
        ("add_prove_case({}, 'test', -1)", "whose role is penalty"),
        ("replace_cases({}, 'test', ARRAY['1'], ARRAY['1'], -1)", "whose role is penalty"),
        ("change_cases({}, 'test', ARRAY[1], group_name => 'x')", "Make the group first"),
        ("set_checker({}, ' ')", "Give the text of a program"),
        ("set_deadline({}, now(), 0)", "Write percent => 10"),
        ("set_feedback({}, 'test', 'all')", "nothing, verdict, points, diff, everything"),
        ("set_group({}, 'a', 'best')", "Write sum .*, minimum .* or all_or_nothing"),
        ("set_group({}, 'a', depends_on => ARRAY['x'])", "Make that group first"),
        ("set_main_file({}, 'main')", "main.py, main.c, Main.java"),
        ("set_preload({}, 'a, b')", "without blanks: 'numpy,xml.dom'"),
        ("set_tries({}, 0)", "Write how many uploads"),
    ):
        with pytest.raises(psycopg.Error) as caught:
            _call(sql, call.format(NAMES))
        told = caught.value.diag
        assert re.search(advice, str(told.message_hint)), call
        assert told.message_detail is None, "the whole row is not what an admin asked for"


def test_every_constraint_on_what_an_admin_writes_says_what_to_do(sql: psycopg.Connection[DictRow]) -> None:
    silent = sql.execute(
        """
        SELECT conname AS name FROM pg_constraint
        WHERE connamespace = 'submitter'::regnamespace AND obj_description(oid, 'pg_constraint') IS NULL
          AND (contypid <> 0 OR contype = 'c' AND conrelid IN (
              'submitter.assignments'::regclass, 'submitter.test_cases'::regclass, 'submitter.case_groups'::regclass,
              'submitter.checkers'::regclass))
        """
    ).fetchall()
    assert [row["name"] for row in silent] == ["case_groups_position_check"]  # no admin writes it


# -- deadlines, tries, feedback -----------------------------------------------------------------------------------


def test_a_policy_that_was_set_in_sql_is_the_one_that_text_says(
    postgres_store: PostgresCaseStore, sql: psycopg.Connection[DictRow]
) -> None:
    _call(sql, f"add_assignment({NAMES})")
    due = "2026-08-01 14:00+02"
    answers = [
        _call(
            sql,
            f"set_deadline({NAMES}, '{due}', percent => 10, every => '2 h', floor_percent => 50, "
            "grace => '5 min', cutoff => '3 days')",
        ),
        _call(sql, f"set_tries({NAMES}, 3, every => '1 week', then_test => 'verdict', then_grade => 'verdict')"),
        _call(sql, f"set_feedback({NAMES}, 'grade', 'nothing', after_due => 'points', once_published => 'diff')"),
        _call(sql, f"set_feedback({NAMES}, 'test', 'points')"),
    ]
    assert "10% of the points are lost every 02:00:00" in str(answers[0])
    assert answers[1:] == [
        "3 uploads every 7 days get the usual feedback",
        "students are shown nothing of grade cases, points after the due date, diff once published",
        "students are shown points of test cases",
    ]
    assignment = postgres_store.load_assignment(REF)
    assert assignment is not None
    assert assignment.policy == Policy(
        due_at=datetime(2026, 8, 1, 12, 0, tzinfo=UTC),
        late=Late.parse("10% per 2 h, floor 50%, grace 5 min, cutoff 3 days"),
        tries=Tries.parse("3 per week, then test verdict, grade verdict"),
        feedback=Feedback.parse("test: points; grade: nothing, points after due, diff once published"),
    )

    assert _call(sql, f"set_deadline({NAMES})") == "nothing is late any more"
    assert _call(sql, f"set_tries({NAMES})") == "every upload gets the usual feedback"
    _call(sql, f"set_feedback({NAMES}, 'test', 'everything')")
    _call(sql, f"set_feedback({NAMES}, 'grade', 'points')")
    assert postgres_store.load_assignment(REF) == Assignment(ref=REF, cases=())


@pytest.mark.parametrize(
    ("call", "why"),
    [
        ("set_deadline({}, 'infinity')", "due_at_is_a_time"),
        ("set_deadline({}, now(), 0)", "late_percent_is_more_than_0"),
        ("set_deadline({}, now(), 101)", "late_percent_is_more_than_0"),
        ("set_deadline({}, now(), 'NaN')", "late_percent_is_more_than_0"),
        ("set_deadline({}, now(), 1, '0 s')", "late_period_is_1_second_to_366_days"),
        ("set_deadline({}, now(), 1, floor_percent => 101)", "late_floor_percent_is_from_0_to_100"),
        ("set_deadline({}, now(), 1, grace => '-1 s')", "late_grace_is_0_to_366_days"),
        ("set_deadline({}, now(), 1, grace => '2 h', cutoff => '1 h')", "late_cutoff_is_not_before_the_end_of_grace"),
        ("set_tries({}, 0)", "tries_are_1_to_1000"),
        ("set_tries({}, 1, '2 years')", "tries_period_is_1_second_to_366_days"),
        ("set_tries({}, 1, then_test => 'all')", "level_is_nothing_verdict_points_diff_or_everything"),
        ("set_feedback({}, 'hidden', 'nothing')", "the kind of a case is test or grade"),
        ("set_feedback({}, 'test', 'all')", "level_is_nothing_verdict_points_diff_or_everything"),
        ("set_feedback({}, 'test', NULL)", "feedback_test"),
    ],
)
def test_a_policy_that_makes_no_sense_is_refused(
    postgres_store: PostgresCaseStore, sql: psycopg.Connection[DictRow], call: str, why: str
) -> None:
    _call(sql, f"add_assignment({NAMES})")
    assert why in _refusal(sql, call.format(NAMES))
    assert postgres_store.load_assignment(REF) == Assignment(ref=REF, cases=())


def test_the_gradebook_has_the_points_after_the_penalty_and_the_deadline_list_says_why(
    postgres_store: PostgresCaseStore, sql: psycopg.Connection[DictRow]
) -> None:
    handed_in_at = datetime(2026, 8, 1, 12, 0, tzinfo=UTC)
    terms = Terms(handed_in_at=handed_in_at, late_s=60.0, penalty=0.1, view=View(Level.NOTHING, Level.NOTHING))
    start = replace(make_start(), handed_in_at=handed_in_at)
    publish(postgres_store, postgres_store.begin_attempt(start), replace(GRADED, terms=terms))
    line = gradebook(sql)
    assert (line["score"], line["max_score"]) == (Decimal("0.9"), 2)
    (late,) = sql.execute("SELECT * FROM submitter.deadline_list").fetchall()
    assert (late["handed_in_at"], late["late_s"], late["penalty"]) == (handed_in_at, 60.0, Decimal("0.1"))
    assert (late["score_before_penalty"], late["score"]) == (1, Decimal("0.9"))
    assert (late["shown_test"], late["shown_grade"], late["shown_score"]) == ("nothing", "nothing", 0)
    assert late["is_shown"]


# -- groups, roles, limits of cases -------------------------------------------------------------------------------


def test_groups_and_what_cases_are_worth_are_set_in_sql(
    postgres_store: PostgresCaseStore, sql: psycopg.Connection[DictRow]
) -> None:
    postgres_store.save_assignment(SQUARES)
    assert _call(sql, f"set_group({NAMES}, 'samples')") == "samples added; now give it cases"
    _call(sql, f"set_group({NAMES}, 'all', 'all_or_nothing', true, ARRAY['samples'])")
    assert _call(sql, f"set_group({NAMES}, 'samples', rule => 'minimum')") == "samples changed; its cases are kept"
    assert _call(sql, f"change_cases({NAMES}, 'test', ARRAY[1, 2], group_name => 'samples', cpu_time_s => 0.5)") == 2
    _call(sql, f"change_cases({NAMES}, 'test', ARRAY[2], group_name => '', role => 'bonus', points => 4)")
    _call(sql, f"change_cases({NAMES}, 'grade', ARRAY[1], group_name => 'all', memory_bytes => 1000)")
    _call(sql, f"change_cases({NAMES}, 'grade', ARRAY[1], file_bytes => 2000, processes => 3)")

    saved = postgres_store.load_assignment(REF)
    assert saved is not None
    own = LimitOverrides(cpu_time_s=0.5)
    assert saved.groups == (
        Group("samples", GroupRule.MINIMUM),
        Group("all", GroupRule.ALL_OR_NOTHING, True, ("samples",)),
    )
    assert saved.cases == (
        replace(SQUARES.cases[0], group="samples", limits=own),
        replace(SQUARES.cases[1], points=4, role=CaseRole.BONUS, limits=own),
        replace(SQUARES.cases[2], group="all", limits=LimitOverrides(memory_bytes=1000, file_bytes=2000, processes=3)),
    )
    listed = sql.execute("SELECT name, cases, points FROM submitter.group_list").fetchall()
    assert [(row["name"], row["cases"], float(row["points"])) for row in listed] == [("samples", 1, 1), ("all", 1, 2.5)]
    assert _call(sql, f"remove_group({NAMES}, 'all')") == "all removed; its cases count by themselves"
    assert _call(sql, f"remove_assignment({NAMES})")


@pytest.mark.parametrize(
    ("call", "why"),
    [
        ("set_group({}, 'a', 'best')", "rule_is_sum_minimum_or_all_or_nothing"),
        ("set_group({}, ' a')", "group_name_is_1_to_100_printable_characters"),
        ("set_group({}, E'a\\nb')", "group_name_is_1_to_100_printable_characters"),
        ("set_group({}, repeat('a', 101))", "group_name_is_1_to_100_printable_characters"),
        ("set_group({}, 'a', depends_on => ARRAY['a'])", "'a' would depend on itself"),
        ("set_group({}, 'a', depends_on => ARRAY['c'])", "'a' would depend on itself, by way of c"),
        ("set_group({}, 'a', depends_on => ARRAY['x'])", "depends on 'x', which is no group.* Make that group first"),
        ("remove_group({}, 'a')", "the group 'b' depends on 'a'"),
        ("remove_group({}, 'x')", "there is no group 'x'"),
        ("change_cases({}, 'test', ARRAY[1], group_name => 'x')", "group_is_one_of_the_assignment"),
        ("change_cases({}, 'test', ARRAY[1], group_name => 'a', role => 'bonus')", "bonus_and_penalty_cases_are_in_no"),
        ("change_cases({}, 'test', ARRAY[1, 9], points => 3)", "no case test 9; nothing was changed"),
        ("change_cases({}, 'test', ARRAY[1], wall_time_s => 'NaN')", "wall_time_s_is_greater_than_0"),
        ("change_cases({}, 'test', ARRAY[1], output_bytes => 0)", "output_bytes_is_greater_than_0"),
        ("change_cases({}, 'test', ARRAY[1], file_bytes => 0)", "file_bytes_is_greater_than_0"),
        ("change_cases({}, 'test', ARRAY[1], processes => 0)", "processes_is_greater_than_0"),
    ],
)
def test_groups_that_make_no_sense_are_refused_in_sql(
    postgres_store: PostgresCaseStore, sql: psycopg.Connection[DictRow], call: str, why: str
) -> None:
    chain = (Group("a"), Group("b", depends_on=("a",)), Group("c", depends_on=("b",)))
    saved = replace(SQUARES, groups=chain)
    postgres_store.save_assignment(saved)
    assert re.search(why, _refusal(sql, call.format(NAMES)))
    assert postgres_store.load_assignment(REF) == saved


def test_what_groups_were_worth_and_why_cases_were_skipped_is_kept(
    postgres_store: PostgresCaseStore, sql: psycopg.Connection[DictRow]
) -> None:
    assert GRADED.report is not None
    [first, *_] = GRADED.report.case_results
    skipped = replace(first, verdict=Verdict.SKIPPED, points=0.0, reason="not run: test 1 failed")
    group = GroupResult(Group("g", GroupRule.MINIMUM), 0.0, 2.5, GroupStatus.FAILED)
    report = replace(GRADED.report, case_results=(skipped,), groups=(group,))
    publish(postgres_store, postgres_store.begin_attempt(make_start()), replace(GRADED, report=report))
    kept = sql.execute(
        "SELECT r.groups, c.reason FROM submitter.results AS r JOIN submitter.case_results AS c USING (attempt_id)"
    ).fetchone()
    assert kept == {
        "groups": [
            {"name": "g", "rule": "minimum", "score": 0.0, "max_score": 2.5, "status": "failed", "depends_on": []}
        ],
        "reason": "not run: test 1 failed",
    }
