-- Submitter's tables (PostgreSQL 14 or newer).
--
-- The functions for everyday acts are in 0002, the views to look at in 0003; an example to copy is in seeds/.
-- Applied by `submitter db migrate`. Once applied, a file never changes: a change is a new file.
--
-- Defaults and CHECKs mirror submitter/model.py. Numbers are also held below Infinity, because Postgres sorts NaN above
-- every number: without that bound, NaN would pass for "at least 0".

CREATE SCHEMA IF NOT EXISTS submitter;
COMMENT ON SCHEMA submitter IS
    'The autograder: \dt+ submitter.* lists its tables, \dv+ submitter.* its views, \df submitter.* its functions.';


CREATE TABLE submitter.assignments (
    id           bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    admin        text NOT NULL CONSTRAINT admin_is_a_name_without_slash CHECK (admin <> '' AND admin !~ '/'),
    event        text NOT NULL CONSTRAINT event_is_a_name_without_slash CHECK (event <> '' AND event !~ '/'),
    name         text NOT NULL CONSTRAINT assignment_is_a_name_without_slash CHECK (name <> '' AND name !~ '/'),

    language     text NOT NULL DEFAULT 'python' CONSTRAINT language_is_not_empty CHECK (language <> ''),
    input_mode   text NOT NULL DEFAULT 'argument' CONSTRAINT input_mode_is_argument_arguments_or_stdin
                 CHECK (input_mode IN ('argument', 'arguments', 'stdin')),
    comparison   text NOT NULL DEFAULT 'trailing_blanks' CONSTRAINT comparison_is_exact_trailing_blanks_or_whitespace
                 CHECK (comparison IN ('exact', 'trailing_blanks', 'whitespace')),

    cpu_time_s   numeric NOT NULL DEFAULT 2 CONSTRAINT cpu_time_s_is_greater_than_0
                 CHECK (cpu_time_s > 0 AND cpu_time_s < 'Infinity'),
    wall_time_s  numeric NOT NULL DEFAULT 10 CONSTRAINT wall_time_s_is_greater_than_0
                 CHECK (wall_time_s > 0 AND wall_time_s < 'Infinity'),
    memory_bytes bigint  NOT NULL DEFAULT 268435456 CONSTRAINT memory_bytes_is_greater_than_0 CHECK (memory_bytes > 0),
    output_bytes bigint  NOT NULL DEFAULT 1048576 CONSTRAINT output_bytes_is_greater_than_0 CHECK (output_bytes > 0),
    file_bytes   bigint  NOT NULL DEFAULT 16777216 CONSTRAINT file_bytes_is_greater_than_0 CHECK (file_bytes > 0),
    processes    integer NOT NULL DEFAULT 32 CONSTRAINT processes_is_greater_than_0 CHECK (processes > 0),
    source_bytes bigint  NOT NULL DEFAULT 262144 CONSTRAINT source_bytes_is_greater_than_0 CHECK (source_bytes > 0),

    updated_at   timestamptz NOT NULL DEFAULT now(),
    UNIQUE (admin, event, name)
);
COMMENT ON TABLE submitter.assignments IS
    'What students may hand in for. Make and change one with submitter.add_assignment(...).';
COMMENT ON COLUMN submitter.assignments.input_mode IS
    'How an input reaches the program: argument (the whole text is argv[1]), arguments (split as a shell would), stdin.';
COMMENT ON COLUMN submitter.assignments.comparison IS
    'What is forgiven: exact (nothing), trailing_blanks (at line ends, empty lines at the end), whitespace (any amount). '
    'A final newline always is.';
COMMENT ON COLUMN submitter.assignments.cpu_time_s IS 'Seconds of processor time that one case may use.';
COMMENT ON COLUMN submitter.assignments.wall_time_s IS 'Seconds by the clock that one case may take.';
COMMENT ON COLUMN submitter.assignments.memory_bytes IS 'Memory that one case may use.';
COMMENT ON COLUMN submitter.assignments.output_bytes IS 'What one case may print on standard output.';
COMMENT ON COLUMN submitter.assignments.file_bytes IS 'The size of one file, and of all files together, that one case may write.';
COMMENT ON COLUMN submitter.assignments.processes IS 'Processes and threads that one case may have at once.';
COMMENT ON COLUMN submitter.assignments.source_bytes IS 'The largest program that is accepted.';
COMMENT ON COLUMN submitter.assignments.updated_at IS
    'When the settings or the cases last changed through a function or command of Submitter.';


CREATE TABLE submitter.test_cases (
    assignment_id bigint  NOT NULL REFERENCES submitter.assignments ON DELETE CASCADE,
    kind          text    NOT NULL CONSTRAINT kind_is_test_or_grade CHECK (kind IN ('test', 'grade')),
    ordinal       integer NOT NULL CONSTRAINT ordinal_counts_from_1 CHECK (ordinal >= 1),
    input         text    NOT NULL,
    expected      text    NOT NULL,
    points        numeric NOT NULL DEFAULT 1 CONSTRAINT points_are_0_or_more
                  CHECK (points >= 0 AND points < 'Infinity'),
    CONSTRAINT ordinals_differ_within_a_kind PRIMARY KEY (assignment_id, kind, ordinal)
);
COMMENT ON TABLE submitter.test_cases IS
    'Inputs and expected outputs. Seed them with submitter.add_case(...) or submitter.replace_cases(...); '
    'read them in submitter.case_list.';
COMMENT ON COLUMN submitter.test_cases.kind IS
    'test: the student may see everything of the case. grade: the student sees a verdict and points only.';
COMMENT ON COLUMN submitter.test_cases.ordinal IS 'Counts from 1 within the kind; cases run in this order, test before grade.';


CREATE TABLE submitter.registrations (
    token         text PRIMARY KEY CONSTRAINT token_is_32_lower_case_hex_digits CHECK (token ~ '^[0-9a-f]{32}$'),
    email         text NOT NULL CONSTRAINT email_has_an_at_sign_and_no_blanks CHECK (email ~ '^[^@\s]+@[^@\s]+$'),
    registered_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE submitter.registrations IS
    'Whose token is whose. A submission carries tokens; add one with submitter.register(token, email).';


CREATE TABLE submitter.submissions (
    id                bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    admin             text NOT NULL,
    event             text NOT NULL,
    assignment        text NOT NULL,
    subid             text NOT NULL CONSTRAINT subid_is_32_lower_case_hex_digits CHECK (subid ~ '^[0-9a-f]{32}$'),
    state             text NOT NULL DEFAULT 'grading' CONSTRAINT state_is_grading_graded_or_rejected
                      CHECK (state IN ('grading', 'graded', 'rejected')),
    language          text NOT NULL,
    attempts          integer NOT NULL DEFAULT 1 CHECK (attempts >= 1),
    tokens            text[] NOT NULL DEFAULT '{}',
    published_attempt bigint,
    first_seen_at     timestamptz NOT NULL DEFAULT now(),
    updated_at        timestamptz NOT NULL DEFAULT now(),
    UNIQUE (admin, event, assignment, subid),
    CONSTRAINT result_is_there_unless_grading CHECK ((state = 'grading') = (published_attempt IS NULL))
);
COMMENT ON TABLE submitter.submissions IS
    'What was handed in, one row however often it was uploaded or tried. Read it in submitter.gradebook.';
COMMENT ON COLUMN submitter.submissions.assignment IS
    'The name as uploaded: a rejected submission may name an assignment that does not exist.';
COMMENT ON COLUMN submitter.submissions.state IS
    'Of the result that the student sees; grading as long as there has been none. '
    'While a new upload is graded, the result before it still stands.';
COMMENT ON COLUMN submitter.submissions.attempts IS 'How many attempts were begun, those that ended without a result too.';
COMMENT ON COLUMN submitter.submissions.tokens IS 'Who handed it in; submitter.registrations has their e-mail addresses.';
COMMENT ON COLUMN submitter.submissions.published_attempt IS 'The attempt whose result the student sees.';


CREATE TABLE submitter.attempts (
    id            bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    submission_id bigint  NOT NULL REFERENCES submitter.submissions ON DELETE CASCADE,
    number        integer NOT NULL CHECK (number >= 1),
    upload        text,
    worker        text    NOT NULL,
    receive_count integer NOT NULL,
    started_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    finished_at   timestamptz,
    UNIQUE (submission_id, number)
);
COMMENT ON TABLE submitter.attempts IS 'Every try at grading a submission. Read it in submitter.history.';
COMMENT ON COLUMN submitter.attempts.number IS 'Counts from 1 within the submission.';
COMMENT ON COLUMN submitter.attempts.upload IS 'Which version of the program was graded; NULL when there was no program.';
COMMENT ON COLUMN submitter.attempts.worker IS 'The host and process that tried.';
COMMENT ON COLUMN submitter.attempts.receive_count IS 'How often the queue had delivered the message by then.';
COMMENT ON COLUMN submitter.attempts.finished_at IS
    'NULL: still running, or ended without a result (something we need was away, the host died); another attempt follows.';


CREATE TABLE submitter.results (
    attempt_id       bigint PRIMARY KEY REFERENCES submitter.attempts ON DELETE CASCADE,
    state            text NOT NULL CONSTRAINT state_is_graded_or_rejected CHECK (state IN ('graded', 'rejected')),
    reason           text,
    score            numeric NOT NULL,
    max_score        numeric NOT NULL,
    execution_time_s double precision NOT NULL,
    published        boolean NOT NULL,
    graded_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT reason_is_there_when_rejected CHECK ((state = 'rejected') = (reason IS NOT NULL))
);
COMMENT ON TABLE submitter.results IS
    'How each finished attempt ended. The one that a student sees is named by submitter.submissions.published_attempt.';
COMMENT ON COLUMN submitter.results.reason IS 'Why it was rejected, in the words that the student reads.';
COMMENT ON COLUMN submitter.results.execution_time_s IS 'Seconds by the clock of all cases together.';
COMMENT ON COLUMN submitter.results.published IS
    'Whether it was shown to the student; false when a newer upload had arrived in the meantime.';

-- Only now can the pointer be tied to what it points at. Deferred to the commit, so that deleting a submission, which
-- takes its attempts and results along, does not stumble over its own pointer.
ALTER TABLE submitter.submissions
    ADD CONSTRAINT published_attempt_has_a_result FOREIGN KEY (published_attempt)
    REFERENCES submitter.results DEFERRABLE INITIALLY DEFERRED;


CREATE TABLE submitter.case_results (
    attempt_id   bigint  NOT NULL REFERENCES submitter.results ON DELETE CASCADE,
    kind         text    NOT NULL CHECK (kind IN ('test', 'grade')),
    ordinal      integer NOT NULL CHECK (ordinal >= 1),
    verdict      text    NOT NULL CONSTRAINT verdict_is_known CHECK (verdict IN (
                     'accepted', 'wrong_answer', 'runtime_error', 'time_limit_exceeded', 'wall_time_limit_exceeded',
                     'memory_limit_exceeded', 'output_limit_exceeded', 'compile_error', 'skipped', 'internal_error')),
    points       numeric NOT NULL,
    max_points   numeric NOT NULL,
    cpu_time_s   double precision NOT NULL,
    wall_time_s  double precision NOT NULL,
    memory_bytes bigint  NOT NULL,
    exit_code    integer,
    signal       integer,
    stdout       bytea   NOT NULL CHECK (octet_length(stdout) <= 65536),
    stderr       bytea   NOT NULL CHECK (octet_length(stderr) <= 65536),
    stdout_bytes bigint  NOT NULL,
    stderr_bytes bigint  NOT NULL,
    PRIMARY KEY (attempt_id, kind, ordinal)
);
COMMENT ON TABLE submitter.case_results IS
    'How each case of a finished attempt went. Names cases by kind and ordinal as they were then: '
    'the cases themselves may have been replaced since.';
COMMENT ON COLUMN submitter.case_results.memory_bytes IS 'The peak that could be seen; 0 where nothing ran.';
COMMENT ON COLUMN submitter.case_results.exit_code IS 'Set when the program exited by itself.';
COMMENT ON COLUMN submitter.case_results.signal IS 'Set when a signal ended the program.';
COMMENT ON COLUMN submitter.case_results.stdout IS
    'What the program printed, at most the first 64 KiB. As text: convert_from(stdout, ''UTF8'').';
COMMENT ON COLUMN submitter.case_results.stderr IS 'What it wrote to standard error, at most the first 64 KiB.';
COMMENT ON COLUMN submitter.case_results.stdout_bytes IS
    'How much was printed before it was cut to 64 KiB (counted up to the assignment''s output_bytes).';
COMMENT ON COLUMN submitter.case_results.stderr_bytes IS 'How much standard error there was before it was cut to 64 KiB.';
