-- What to do about a value that a constraint refuses: the constraint's comment, which the functions give as the HINT.
--
-- `\dd submitter.*` in psql lists them all.

COMMENT ON CONSTRAINT admin_is_a_name_without_slash ON submitter.assignments IS
    'Write the first part of the assignment''s name alone: of m.soltys/aws_labs/lab6_sum, that is m.soltys.';
COMMENT ON CONSTRAINT event_is_a_name_without_slash ON submitter.assignments IS
    'Write the second part of the assignment''s name alone: of m.soltys/aws_labs/lab6_sum, that is aws_labs.';
COMMENT ON CONSTRAINT assignment_is_a_name_without_slash ON submitter.assignments IS
    'Write the last part of the assignment''s name alone: of m.soltys/aws_labs/lab6_sum, that is lab6_sum.';
COMMENT ON CONSTRAINT language_is_not_empty ON submitter.assignments IS
    'Name a language, such as python or c; NULL keeps the one that it has.';
COMMENT ON CONSTRAINT input_mode_is_argument_arguments_or_stdin ON submitter.assignments IS
    'Write argument (the whole input is one argument), arguments (split as a shell would) or stdin (standard input).';
COMMENT ON CONSTRAINT comparison_is_written_as_in_docs_admins_md ON submitter.assignments IS
    'Write exact, trailing_blanks, whitespace, unordered_lines, unordered_tokens, regex, or numbers with absolute=1e-6, '
    'relative=1e-6 or both; ignore_case may follow any of them.';
COMMENT ON CONSTRAINT cpu_time_s_is_greater_than_0 ON submitter.assignments IS 'Write seconds of processor time, such as 2 or 0.5.';
COMMENT ON CONSTRAINT wall_time_s_is_greater_than_0 ON submitter.assignments IS 'Write seconds by the clock, such as 10 or 2.5.';
COMMENT ON CONSTRAINT memory_bytes_is_greater_than_0 ON submitter.assignments IS 'Write bytes, such as 268435456 for 256 MiB.';
COMMENT ON CONSTRAINT output_bytes_is_greater_than_0 ON submitter.assignments IS 'Write bytes, such as 1048576 for 1 MiB.';
COMMENT ON CONSTRAINT file_bytes_is_greater_than_0 ON submitter.assignments IS 'Write bytes, such as 16777216 for 16 MiB.';
COMMENT ON CONSTRAINT processes_is_greater_than_0 ON submitter.assignments IS 'Write how many processes and threads there may be, such as 32.';
COMMENT ON CONSTRAINT source_bytes_is_greater_than_0 ON submitter.assignments IS 'Write bytes, such as 262144 for 256 KiB.';

COMMENT ON CONSTRAINT due_at_is_a_time ON submitter.assignments IS
    'Write a day and a time with its zone, such as ''2026-08-01 14:00+02''; NULL for no due date.';
COMMENT ON CONSTRAINT late_percent_is_more_than_0_and_at_most_100 ON submitter.assignments IS
    'Write percent => 10 for ten per cent of the points each period; leave it out if being late is to cost nothing.';
COMMENT ON CONSTRAINT late_period_is_1_second_to_366_days ON submitter.assignments IS 'Write an interval, such as every => ''1 day''.';
COMMENT ON CONSTRAINT late_floor_percent_is_from_0_to_100 ON submitter.assignments IS
    'Write floor_percent => 50 if half of the points are to be left however late it is, 0 if none.';
COMMENT ON CONSTRAINT late_grace_is_0_to_366_days ON submitter.assignments IS
    'Write an interval, such as grace => ''5 min''; leave it out for none.';
COMMENT ON CONSTRAINT late_cutoff_is_not_before_the_end_of_grace ON submitter.assignments IS
    'Write an interval after the due date that is no shorter than grace and at most 366 days, such as cutoff => ''3 days''; '
    'leave it out for none.';
COMMENT ON CONSTRAINT tries_are_1_to_1000 ON submitter.assignments IS 'Write how many uploads, such as 3; NULL for no limit.';
COMMENT ON CONSTRAINT tries_period_is_1_second_to_366_days ON submitter.assignments IS 'Write an interval, such as every => ''1 day''.';
COMMENT ON CONSTRAINT level_is_nothing_verdict_points_diff_or_everything ON DOMAIN submitter.feedback_level IS
    'Write one of the five, from the least to the most: nothing, verdict, points, diff, everything.';

COMMENT ON CONSTRAINT main_file_is_a_plain_name_such_as_main_py ON submitter.assignments IS
    'Write a name without a directory that ends as programs in the assignment''s language do: main.py, main.c, Main.java.';
COMMENT ON CONSTRAINT files_are_an_archive_of_at_most_8_mib ON submitter.assignments IS
    'Make a smaller zip or tar, and store it with `submitter assignment files`, which tries it first.';
COMMENT ON CONSTRAINT preload_names_modules_with_commas_between ON submitter.assignments IS
    'Write at most 16 names, each once and without blanks: ''numpy,xml.dom''.';

COMMENT ON CONSTRAINT kind_is_test_or_grade ON submitter.test_cases IS
    'Of a test case the student may see everything, of a grade case a verdict and points only.';
COMMENT ON CONSTRAINT ordinal_counts_from_1 ON submitter.test_cases IS
    'Let submitter.add_case(...) or submitter.replace_cases(...) number the cases.';
COMMENT ON CONSTRAINT points_are_0_or_more ON submitter.test_cases IS
    'Write a number such as 1 or 2.5; points that are lost are those of a case whose role is penalty.';
COMMENT ON CONSTRAINT role_is_regular_bonus_or_penalty ON submitter.test_cases IS
    'Write regular (part of the most that can be had), bonus (on top of it) or penalty (lost if it fails).';
COMMENT ON CONSTRAINT cpu_time_s_is_greater_than_0 ON submitter.test_cases IS 'Write seconds of processor time, such as 2 or 0.5.';
COMMENT ON CONSTRAINT wall_time_s_is_greater_than_0 ON submitter.test_cases IS 'Write seconds by the clock, such as 10 or 2.5.';
COMMENT ON CONSTRAINT memory_bytes_is_greater_than_0 ON submitter.test_cases IS 'Write bytes, such as 268435456 for 256 MiB.';
COMMENT ON CONSTRAINT output_bytes_is_greater_than_0 ON submitter.test_cases IS 'Write bytes, such as 1048576 for 1 MiB.';
COMMENT ON CONSTRAINT file_bytes_is_greater_than_0 ON submitter.test_cases IS 'Write bytes, such as 16777216 for 16 MiB.';
COMMENT ON CONSTRAINT processes_is_greater_than_0 ON submitter.test_cases IS 'Write how many processes and threads there may be, such as 32.';
COMMENT ON CONSTRAINT group_is_one_of_the_assignment ON submitter.test_cases IS
    'Make the group first: submitter.set_group(...). SELECT * FROM submitter.group_list shows those that there are.';
COMMENT ON CONSTRAINT bonus_and_penalty_cases_are_in_no_group ON submitter.test_cases IS
    'Take the case out of its group with group_name => '''', or leave its role regular.';
COMMENT ON CONSTRAINT step_is_run_or_prove ON submitter.test_cases IS
    'Make a case that proves with submitter.add_prove_case(...), and any other with submitter.add_case(...).';
COMMENT ON CONSTRAINT what_proves_has_no_input_and_no_expected_output ON submitter.test_cases IS
    'Make a case that proves with submitter.add_prove_case(...), and one with an input with submitter.add_case(...).';
COMMENT ON CONSTRAINT what_proves_has_the_limits_of_its_tool ON submitter.test_cases IS
    'Leave the limits of cases that prove out: the language''s file has them.';

COMMENT ON CONSTRAINT group_name_is_1_to_100_printable_characters ON submitter.case_groups IS
    'Write a shorter name, in one line, without blanks at its ends.';
COMMENT ON CONSTRAINT rule_is_sum_minimum_or_all_or_nothing ON submitter.case_groups IS
    'Write sum (its cases'' points), minimum (as its worst case) or all_or_nothing (all of them if every case passes).';
COMMENT ON CONSTRAINT depends_on_has_no_nulls ON submitter.case_groups IS
    'Write the names of groups: ARRAY[''samples'']; ''{}'' for none.';

COMMENT ON CONSTRAINT checker_has_1_byte_to_1_mib ON submitter.checkers IS
    'Give the text of a program, not its path; NULL takes the checker away.';
COMMENT ON CONSTRAINT arguments_have_no_nulls ON submitter.checkers IS
    'Write texts: arguments => ARRAY[''x'']; ''{}'' for none.';


CREATE FUNCTION submitter.refuse(code text, message text, known_hint text, constraint_name text, column_name text)
RETURNS void
LANGUAGE plpgsql STABLE AS $$
DECLARE
    advice text := known_hint;
BEGIN
    IF advice = '' THEN
        SELECT obj_description(c.oid, 'pg_constraint') INTO advice FROM pg_catalog.pg_constraint AS c
        WHERE c.connamespace = 'submitter'::regnamespace AND c.conname = refuse.constraint_name
          AND obj_description(c.oid, 'pg_constraint') IS NOT NULL
        LIMIT 1;
    END IF;
    -- Without Postgres's DETAIL, which quotes the whole row: it buries the hint.
    RAISE EXCEPTION USING
        ERRCODE = code,
        MESSAGE = refuse.message,
        CONSTRAINT = refuse.constraint_name,
        COLUMN = refuse.column_name,
        HINT = coalesce(
            advice,
            CASE WHEN refuse.column_name <> '' THEN format('%s has to have a value: NULL is none.', refuse.column_name) END,
            'Nothing was changed. `\d+ submitter.*` shows what each table takes.');
END $$;
COMMENT ON FUNCTION submitter.refuse IS
    'For the other functions: raises what a constraint refused, with the constraint''s comment as the hint.';


-- SQL does not know which languages there are, since operators add some: these two say how to find out.

CREATE OR REPLACE FUNCTION submitter.set_main_file(
    admin      text,
    event      text,
    assignment text,
    main_file  text DEFAULT NULL
) RETURNS text
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    target bigint := submitter.lock_assignment(set_main_file.admin, set_main_file.event, set_main_file.assignment);
    in_language text;
BEGIN
    UPDATE submitter.assignments AS a SET main_file = set_main_file.main_file WHERE a.id = target
    RETURNING a.language INTO in_language;
    RETURN CASE WHEN set_main_file.main_file IS NULL THEN 'programs are one file each'
                ELSE format('programs are called %s; archives with such a file are taken. Whether %s can have that name, '
                            '`submitter check` tells: try a solution of yours', set_main_file.main_file, in_language) END;
END $$;

CREATE OR REPLACE FUNCTION submitter.set_checker(
    admin       text,
    event       text,
    assignment  text,
    program     text    DEFAULT NULL,
    language    text    DEFAULT 'python',
    arguments   text[]  DEFAULT '{}',
    interactive boolean DEFAULT false
) RETURNS text
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    target bigint := submitter.lock_assignment(set_checker.admin, set_checker.event, set_checker.assignment);
BEGIN
    IF set_checker.program IS NULL THEN
        DELETE FROM submitter.checkers AS c WHERE c.assignment_id = target;
        RETURN 'outputs are compared; no checker is asked';
    END IF;
    INSERT INTO submitter.checkers AS c (assignment_id, language, program, arguments, interactive)
    VALUES (target, set_checker.language, set_checker.program, set_checker.arguments, set_checker.interactive)
    ON CONFLICT (assignment_id) DO UPDATE
        SET language = excluded.language, program = excluded.program, arguments = excluded.arguments,
            interactive = excluded.interactive;
    RETURN format(CASE WHEN set_checker.interactive THEN 'an interactor in %s speaks to the programs'
                       ELSE 'a checker in %s judges the outputs' END
                  || '. It was not tried: `submitter check` does, with a solution of yours', set_checker.language);
END $$;


-- Every function that writes what an admin says ends with the same handler. It is put into what they are now, so that
-- their texts do not stand here a second time; `\sf` in psql shows the whole of one.
DO $do$
DECLARE
    handler constant text := $handler$
EXCEPTION WHEN integrity_constraint_violation THEN
    DECLARE
        refused_hint text;
        refused_constraint text;
        refused_column text;
    BEGIN
        GET STACKED DIAGNOSTICS
            refused_hint = PG_EXCEPTION_HINT, refused_constraint = CONSTRAINT_NAME, refused_column = COLUMN_NAME;
        PERFORM submitter.refuse(SQLSTATE, SQLERRM, refused_hint, refused_constraint, refused_column);
    END;
END $handler$;
    definition text;
BEGIN
    FOR definition IN
        SELECT pg_get_functiondef(p.oid) FROM pg_proc AS p
        WHERE p.pronamespace = 'submitter'::regnamespace
          AND p.proname IN ('add_assignment', 'add_case', 'add_prove_case', 'change_cases', 'replace_cases',
                            'set_checker', 'set_deadline', 'set_feedback', 'set_group', 'set_main_file', 'set_preload',
                            'set_tries')
    LOOP
        EXECUTE regexp_replace(definition, '\nEND (\$\w*\$)\s*$', handler || '\1');
    END LOOP;
END $do$;
