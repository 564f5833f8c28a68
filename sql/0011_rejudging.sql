-- By what a result was judged, what its runs came of, and plans for judging anew.
--
-- A test set's version is made by content when it is first used: by an import, a grading or a plan, however the cases
-- were changed. Names, and not assignments' ids, so that removing an assignment keeps what its results were judged by.

CREATE TABLE submitter.test_sets (
    id            bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    admin         text NOT NULL,
    event         text NOT NULL,
    assignment    text NOT NULL,
    number        integer NOT NULL CHECK (number >= 1),
    digest        text NOT NULL CONSTRAINT digest_is_a_sha256 CHECK (digest ~ '^[0-9a-f]{64}$'),
    content       jsonb NOT NULL,
    first_seen_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (admin, event, assignment, number),
    UNIQUE (admin, event, assignment, digest)
);
COMMENT ON TABLE submitter.test_sets IS
    'Every version of an assignment''s cases and judging settings that was used, kept for good.';
COMMENT ON COLUMN submitter.test_sets.number IS
    'Counts from 1 within the assignment. Cases that are changed back have their old number again.';
COMMENT ON COLUMN submitter.test_sets.digest IS
    'Of the content. Not for students: hidden expected outputs could be guessed from it.';
COMMENT ON COLUMN submitter.test_sets.content IS 'The settings by name, and the cases: content -> ''cases''.';


CREATE TABLE submitter.rejudge_plans (
    id          bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    test_set_id bigint NOT NULL REFERENCES submitter.test_sets,
    unchanged   integer NOT NULL CHECK (unchanged >= 0),
    made_at     timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE submitter.rejudge_plans IS 'What `submitter rejudge --plan` found; carried out by --apply.';
COMMENT ON COLUMN submitter.rejudge_plans.test_set_id IS 'By which version it was found; it is carried out by no other.';
COMMENT ON COLUMN submitter.rejudge_plans.unchanged IS 'How many submissions nothing would happen to.';

CREATE TABLE submitter.rejudge_items (
    plan_id    bigint NOT NULL REFERENCES submitter.rejudge_plans ON DELETE CASCADE,
    subid      text NOT NULL,
    attempt_id bigint NOT NULL REFERENCES submitter.attempts ON DELETE CASCADE,
    change     text NOT NULL CONSTRAINT change_is_rises_falls_same_or_needs_run
               CHECK (change IN ('rises', 'falls', 'same', 'needs_run')),
    old_score  numeric NOT NULL,
    old_max    numeric NOT NULL,
    new_score  numeric,
    new_max    numeric,
    to_run     integer NOT NULL CHECK (to_run >= 0),
    reasons    text[] NOT NULL,
    PRIMARY KEY (plan_id, subid),
    CONSTRAINT new_result_is_known_unless_it_needs_a_run CHECK ((change = 'needs_run') = (new_score IS NULL))
);
COMMENT ON TABLE submitter.rejudge_items IS 'What a plan does to each submission that it changes.';
COMMENT ON COLUMN submitter.rejudge_items.attempt_id IS 'Whose result the plan takes the place of.';
COMMENT ON COLUMN submitter.rejudge_items.to_run IS 'How many cases have to be run, since no run of them was kept.';


ALTER TABLE submitter.attempts
    ADD COLUMN test_set_id bigint REFERENCES submitter.test_sets,
    ADD COLUMN program_sha256 text,
    ADD COLUMN has_leading_slash boolean,
    ADD COLUMN plan_id bigint REFERENCES submitter.rejudge_plans;
COMMENT ON COLUMN submitter.attempts.test_set_id IS 'By what it was judged; NULL when it did not come so far.';
COMMENT ON COLUMN submitter.attempts.has_leading_slash IS 'Whether the submission''s keys in the bucket begin with one.';
COMMENT ON COLUMN submitter.attempts.plan_id IS 'The plan that it carried out; NULL for a grading.';

ALTER TABLE submitter.results
    ADD COLUMN image text,
    ADD COLUMN isolation text,
    ADD COLUMN fetch_s double precision,
    ADD COLUMN wait_s double precision,
    ADD COLUMN run_s double precision,
    ADD COLUMN judge_s double precision,
    ADD COLUMN publish_s double precision;
COMMENT ON COLUMN submitter.results.image IS 'The digest of what the program ran in; under bubblewrap, of this host''s interpreter.';
COMMENT ON COLUMN submitter.results.isolation IS 'The sandbox and its level, such as docker/box.';
COMMENT ON COLUMN submitter.results.fetch_s IS 'Seconds for metadata, program and cases.';
COMMENT ON COLUMN submitter.results.wait_s IS 'Seconds until an executor began with the first case.';
COMMENT ON COLUMN submitter.results.run_s IS 'Seconds from there to the last answer.';
COMMENT ON COLUMN submitter.results.judge_s IS 'Seconds for the judgement.';
COMMENT ON COLUMN submitter.results.publish_s IS 'Seconds from asking for the turn until the bucket had taken the result.';

ALTER TABLE submitter.case_results
    ADD COLUMN ending text,
    ADD COLUMN run_key text,
    ADD COLUMN may_be_judged_again boolean NOT NULL DEFAULT false,
    ADD COLUMN stdout_sha256 text,
    ADD CONSTRAINT what_is_judged_again_is_named
        CHECK (NOT may_be_judged_again OR (run_key IS NOT NULL AND ending IS NOT NULL));
COMMENT ON COLUMN submitter.case_results.ending IS 'How the run ended, before it was judged.';
COMMENT ON COLUMN submitter.case_results.run_key IS
    'A digest of all that the run came of: program, image, isolation, language, input and how it is given, limits.';
COMMENT ON COLUMN submitter.case_results.may_be_judged_again IS
    'Whether the run can be judged by another expected output: time had no part in its end, and all output is kept.';
COMMENT ON COLUMN submitter.case_results.stdout_sha256 IS 'Of the whole output, where it was cut.';
CREATE INDEX runs_to_judge_again ON submitter.case_results (run_key) WHERE may_be_judged_again;

CREATE OR REPLACE VIEW submitter.history AS
SELECT
    s.admin,
    s.event,
    s.assignment,
    s.subid,
    a.number,
    a.upload,
    coalesce(r.state, 'unfinished') AS state,
    r.score,
    r.max_score,
    r.reason,
    r.published,
    coalesce(s.published_attempt = a.id, false) AS is_shown,
    r.execution_time_s,
    a.worker,
    a.receive_count,
    a.started_at,
    a.finished_at,
    a.id AS attempt_id,
    a.failure,
    a.lease_expires_at,
    t.number AS test_set,
    t.content -> 'limits' AS limits,
    r.image,
    r.isolation,
    r.fetch_s,
    r.wait_s,
    r.run_s,
    r.judge_s,
    r.publish_s,
    a.plan_id
FROM submitter.attempts AS a
JOIN submitter.submissions AS s ON s.id = a.submission_id
LEFT JOIN submitter.results AS r ON r.attempt_id = a.id
LEFT JOIN submitter.test_sets AS t ON t.id = a.test_set_id
ORDER BY s.admin, s.event, s.assignment, s.subid, a.number;
