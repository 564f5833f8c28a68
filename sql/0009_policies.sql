-- Deadlines, tries, and how much students are shown: the settings, and what they made of each result.
--
-- Defaults and CHECKs mirror submitter/policy.py.

CREATE DOMAIN submitter.feedback_level AS text
    CONSTRAINT level_is_nothing_verdict_points_diff_or_everything
    CHECK (VALUE IN ('nothing', 'verdict', 'points', 'diff', 'everything'));
COMMENT ON DOMAIN submitter.feedback_level IS
    'How much of a case is shown: nothing; its verdict; and its points; and what was expected and printed; everything.';

ALTER TABLE submitter.assignments
    ADD COLUMN due_at timestamptz CONSTRAINT due_at_is_a_time
        CHECK (due_at BETWEEN '1970-01-01 00:00Z' AND '9000-01-01 00:00Z'),
    ADD COLUMN late_percent numeric CONSTRAINT late_percent_is_more_than_0_and_at_most_100
        CHECK (late_percent > 0 AND late_percent <= 100),
    ADD COLUMN late_period_s numeric NOT NULL DEFAULT 86400 CONSTRAINT late_period_is_1_second_to_366_days
        CHECK (late_period_s BETWEEN 1 AND 31622400),
    ADD COLUMN late_floor_percent numeric NOT NULL DEFAULT 0 CONSTRAINT late_floor_percent_is_from_0_to_100
        CHECK (late_floor_percent BETWEEN 0 AND 100),
    ADD COLUMN late_grace_s numeric NOT NULL DEFAULT 0 CONSTRAINT late_grace_is_0_to_366_days
        CHECK (late_grace_s BETWEEN 0 AND 31622400),
    ADD COLUMN late_cutoff_s numeric,
    ADD CONSTRAINT late_cutoff_is_not_before_the_end_of_grace CHECK (late_cutoff_s BETWEEN late_grace_s AND 31622400),
    ADD COLUMN tries integer CONSTRAINT tries_are_1_to_1000 CHECK (tries BETWEEN 1 AND 1000),
    ADD COLUMN tries_period_s numeric NOT NULL DEFAULT 86400 CONSTRAINT tries_period_is_1_second_to_366_days
        CHECK (tries_period_s BETWEEN 1 AND 31622400),
    ADD COLUMN tries_then_test submitter.feedback_level NOT NULL DEFAULT 'everything',
    ADD COLUMN tries_then_grade submitter.feedback_level NOT NULL DEFAULT 'nothing',
    ADD COLUMN feedback_test submitter.feedback_level NOT NULL DEFAULT 'everything',
    ADD COLUMN feedback_test_after_due submitter.feedback_level,
    ADD COLUMN feedback_test_published submitter.feedback_level,
    ADD COLUMN feedback_grade submitter.feedback_level NOT NULL DEFAULT 'points',
    ADD COLUMN feedback_grade_after_due submitter.feedback_level,
    ADD COLUMN feedback_grade_published submitter.feedback_level,
    ADD COLUMN feedback_published_at timestamptz;
COMMENT ON COLUMN submitter.assignments.due_at IS
    'Handed in later than this is late; NULL: never. Set it with submitter.set_deadline(...).';
COMMENT ON COLUMN submitter.assignments.late_percent IS
    'Of the points, lost for each started period after due_at; NULL: being late costs nothing.';
COMMENT ON COLUMN submitter.assignments.late_floor_percent IS 'Of the points, left however late it is, until the cut-off.';
COMMENT ON COLUMN submitter.assignments.late_grace_s IS 'Seconds after due_at in which being late costs nothing.';
COMMENT ON COLUMN submitter.assignments.late_cutoff_s IS 'Seconds after due_at, after which no points are left; NULL: none.';
COMMENT ON COLUMN submitter.assignments.tries IS
    'How many uploads within tries_period_s get the usual feedback; NULL: all. Set it with submitter.set_tries(...).';
COMMENT ON COLUMN submitter.assignments.tries_then_test IS
    'What is shown of test cases, at the most, when the tries are used up.';
COMMENT ON COLUMN submitter.assignments.tries_then_grade IS
    'What is shown of grade cases, at the most, when the tries are used up.';
COMMENT ON COLUMN submitter.assignments.feedback_test IS
    'What a student is shown of test cases now; the next two are for after the due date (and grace and cut-off), and '
    'for once it is published, NULL: as before. Set them with submitter.set_feedback(...).';
COMMENT ON COLUMN submitter.assignments.feedback_grade IS 'The same of grade cases.';
COMMENT ON COLUMN submitter.assignments.feedback_published_at IS
    'Since when the fullest feedback is given: set by `submitter publish`.';

ALTER TABLE submitter.attempts ADD COLUMN handed_in_at timestamptz;
COMMENT ON COLUMN submitter.attempts.handed_in_at IS
    'When the program was uploaded, by the clock of the bucket; NULL: there was none, or nobody knows.';

ALTER TABLE submitter.results
    ADD COLUMN late_s double precision,
    ADD COLUMN penalty numeric NOT NULL DEFAULT 0,
    ADD COLUMN score_before_penalty numeric,
    ADD COLUMN shown_test submitter.feedback_level,
    ADD COLUMN shown_grade submitter.feedback_level,
    ADD COLUMN shown_score numeric,
    ADD COLUMN shown_max_score numeric,
    ADD COLUMN shown_whole boolean NOT NULL DEFAULT true;
COMMENT ON COLUMN submitter.results.score IS 'All points, after the penalty for being late.';
COMMENT ON COLUMN submitter.results.late_s IS 'Seconds after the due date at that time; 0: on time; NULL: there was none.';
COMMENT ON COLUMN submitter.results.penalty IS 'The part of the points that was lost for being late, from 0 to 1.';
COMMENT ON COLUMN submitter.results.score_before_penalty IS 'NULL in results from before there were penalties.';
COMMENT ON COLUMN submitter.results.shown_test IS 'How much its student was last shown of test cases.';
COMMENT ON COLUMN submitter.results.shown_grade IS 'How much its student was last shown of grade cases.';
COMMENT ON COLUMN submitter.results.shown_score IS 'The points that its student was last shown; score is for the staff.';
COMMENT ON COLUMN submitter.results.shown_whole IS
    'Whether shown_score is over all cases; else it is over those alone whose points are shown.';

ALTER TABLE submitter.case_results ADD COLUMN case_digest bytea, ADD COLUMN hint text;
COMMENT ON COLUMN submitter.case_results.hint IS
    'What a wrong answer to a test case lacked, as results.json says it; NULL: nothing that is known.';
COMMENT ON COLUMN submitter.case_results.case_digest IS
    'Of input and expected output as they were: whether the case is still the same. NULL: not known.';


CREATE VIEW submitter.deadline_list AS
SELECT
    s.admin,
    s.event,
    s.assignment,
    s.subid,
    a.number,
    a.handed_in_at,
    r.late_s,
    r.penalty,
    r.score_before_penalty,
    r.score,
    r.max_score,
    r.shown_test,
    r.shown_grade,
    r.shown_score,
    s.published_attempt = a.id AS is_shown
FROM submitter.results AS r
JOIN submitter.attempts AS a ON a.id = r.attempt_id
JOIN submitter.submissions AS s ON s.id = a.submission_id
WHERE r.published AND r.state = 'graded'
ORDER BY s.admin, s.event, s.assignment, s.subid, a.number;
COMMENT ON VIEW submitter.deadline_list IS
    'Every graded result that was published: when it was handed in, what being late cost, and what its student was shown.';


CREATE FUNCTION submitter.set_deadline(
    admin         text,
    event         text,
    assignment    text,
    due           timestamptz DEFAULT NULL,
    percent       numeric     DEFAULT NULL,
    every         interval    DEFAULT '1 day',
    floor_percent numeric     DEFAULT 0,
    grace         interval    DEFAULT '0 s',
    cutoff        interval    DEFAULT NULL
) RETURNS text
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    target bigint := submitter.lock_assignment(set_deadline.admin, set_deadline.event, set_deadline.assignment);
BEGIN
    UPDATE submitter.assignments AS a SET
        due_at = due,
        late_percent = percent,
        late_period_s = extract(epoch FROM every),
        late_floor_percent = floor_percent,
        late_grace_s = extract(epoch FROM grace),
        late_cutoff_s = extract(epoch FROM cutoff)
    WHERE a.id = target;
    RETURN CASE WHEN due IS NULL THEN 'nothing is late any more'
                WHEN percent IS NULL THEN format('due at %s; being late costs nothing', due)
                ELSE format('due at %s; %s%% of the points are lost every %s after it', due, percent, every) END;
END $$;
COMMENT ON FUNCTION submitter.set_deadline IS
    'Sets the due date and what being late costs, all of it: what is not named is off. Results that are there stay.';


CREATE FUNCTION submitter.set_tries(
    admin      text,
    event      text,
    assignment text,
    tries      integer  DEFAULT NULL,
    every      interval DEFAULT '1 day',
    then_test  text     DEFAULT 'everything',
    then_grade text     DEFAULT 'nothing'
) RETURNS text
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    target bigint := submitter.lock_assignment(set_tries.admin, set_tries.event, set_tries.assignment);
BEGIN
    UPDATE submitter.assignments AS a SET
        tries = set_tries.tries,
        tries_period_s = extract(epoch FROM every),
        tries_then_test = then_test,
        tries_then_grade = then_grade
    WHERE a.id = target;
    RETURN CASE WHEN set_tries.tries IS NULL THEN 'every upload gets the usual feedback'
                ELSE format('%s uploads every %s get the usual feedback', set_tries.tries, every) END;
END $$;
COMMENT ON FUNCTION submitter.set_tries IS
    'Sets how many uploads get the usual feedback, and what is shown of test and grade cases after that. '
    'Without a number: all of them.';


CREATE FUNCTION submitter.set_feedback(
    admin          text,
    event          text,
    assignment     text,
    kind           text,
    level          text,
    after_due      text DEFAULT NULL,
    once_published text DEFAULT NULL
) RETURNS text
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    target bigint := submitter.lock_assignment(set_feedback.admin, set_feedback.event, set_feedback.assignment);
BEGIN
    PERFORM submitter.check_kind(set_feedback.kind);
    UPDATE submitter.assignments AS a SET
        feedback_test = CASE WHEN kind = 'test' THEN level ELSE feedback_test END,
        feedback_test_after_due = CASE WHEN kind = 'test' THEN after_due ELSE feedback_test_after_due END,
        feedback_test_published = CASE WHEN kind = 'test' THEN once_published ELSE feedback_test_published END,
        feedback_grade = CASE WHEN kind = 'grade' THEN level ELSE feedback_grade END,
        feedback_grade_after_due = CASE WHEN kind = 'grade' THEN after_due ELSE feedback_grade_after_due END,
        feedback_grade_published = CASE WHEN kind = 'grade' THEN once_published ELSE feedback_grade_published END
    WHERE a.id = target;
    RETURN format('students are shown %s of %s cases%s%s', level, kind,
                  ', ' || after_due || ' after the due date', ', ' || once_published || ' once published');
END $$;
COMMENT ON FUNCTION submitter.set_feedback IS
    'Sets how much is shown of the test or of the grade cases: nothing, verdict, points, diff or everything; now, '
    'after the due date, and once published. What is shown once is not hidden again at a later moment.';
