-- Checkers: programs of an admin's that judge outputs in the place of a comparison; and what they said of each case.

CREATE TABLE submitter.checkers (
    assignment_id bigint PRIMARY KEY REFERENCES submitter.assignments ON DELETE CASCADE,
    language      text   NOT NULL,
    program       text   NOT NULL CONSTRAINT checker_has_1_byte_to_1_mib
                  CHECK (octet_length(program) BETWEEN 1 AND 1048576 AND btrim(program, E' \t\r\n') <> ''),
    arguments     text[] NOT NULL DEFAULT '{}'
                  CONSTRAINT arguments_have_no_nulls CHECK (array_position(arguments, NULL) IS NULL),
    interactive   boolean NOT NULL DEFAULT false
);
COMMENT ON TABLE submitter.checkers IS
    'Programs that judge the outputs of an assignment in the place of its comparison: docs/admins.md says what one gets '
    'and how it answers. Set and remove one with submitter.set_checker(...).';
COMMENT ON COLUMN submitter.checkers.language IS 'What the checker is written in, such as python or cpp.';
COMMENT ON COLUMN submitter.checkers.interactive IS
    'Whether it speaks to the program while that runs, instead of judging what it has printed.';
COMMENT ON COLUMN submitter.checkers.arguments IS 'What it gets after the input, the answer and the directory of feedback.';

CREATE TABLE submitter.case_remarks (
    attempt_id    bigint  NOT NULL,
    kind          text    NOT NULL,
    ordinal       integer NOT NULL,
    fraction      double precision CONSTRAINT fraction_is_from_0_to_1 CHECK (fraction BETWEEN 0 AND 1),
    team_message  text    NOT NULL,
    judge_message text    NOT NULL,
    PRIMARY KEY (attempt_id, kind, ordinal),
    FOREIGN KEY (attempt_id, kind, ordinal) REFERENCES submitter.case_results ON DELETE CASCADE
);
COMMENT ON TABLE submitter.case_remarks IS 'What a checker said of the cases that it judged.';
COMMENT ON COLUMN submitter.case_remarks.fraction IS
    'How much of the case it gave, from 0 to 1; NULL: it said no more than yes or no.';
COMMENT ON COLUMN submitter.case_remarks.team_message IS
    'What it said to the student (teammessage.txt); of test cases alone.';
COMMENT ON COLUMN submitter.case_remarks.judge_message IS
    'What it said to the staff (judgemessage.txt); never shown to students.';

ALTER TABLE submitter.results ADD COLUMN detail text;
COMMENT ON COLUMN submitter.results.detail IS
    'Of a rejection that is the assignment''s fault, what exactly is wrong: for the staff, never shown to students.';


CREATE FUNCTION submitter.set_checker(
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
    RETURN CASE WHEN set_checker.interactive THEN format('an interactor in %s speaks to the programs', set_checker.language)
                ELSE format('a checker in %s judges the outputs', set_checker.language) END;
END $$;
COMMENT ON FUNCTION submitter.set_checker IS
    'Has a program judge the outputs of an assignment in the place of its comparison; without a program: no more. '
    '`submitter assignment checker` does the same and tries the program first.';
