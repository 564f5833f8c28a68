-- What a course admin looks at.

CREATE VIEW submitter.gradebook AS
SELECT
    s.admin,
    s.event,
    s.assignment,
    s.subid,
    (SELECT string_agg(reg.email, ', ' ORDER BY held.position)
     FROM unnest(s.tokens) WITH ORDINALITY AS held (token, position)
     JOIN submitter.registrations AS reg ON reg.token = held.token) AS emails,
    s.state,
    r.score,
    r.max_score,
    r.graded_at,
    r.reason,
    s.attempts
FROM submitter.submissions AS s
LEFT JOIN submitter.results AS r ON r.attempt_id = s.published_attempt
ORDER BY s.admin, s.event, s.assignment, s.subid;
COMMENT ON VIEW submitter.gradebook IS
    'One row per submission with the result that the student sees; score is empty until there is one. '
    'As a file: \copy (SELECT * FROM submitter.gradebook) TO ''grades.csv'' CSV HEADER';
COMMENT ON COLUMN submitter.gradebook.emails IS 'Of everyone who handed it in and is registered, in their order.';


CREATE VIEW submitter.case_list AS
SELECT a.admin, a.event, a.name AS assignment, c.kind, c.ordinal, c.input, c.expected, c.points
FROM submitter.assignments AS a
JOIN submitter.test_cases AS c ON c.assignment_id = a.id
ORDER BY a.admin, a.event, a.name, c.kind = 'grade', c.ordinal;
COMMENT ON VIEW submitter.case_list IS 'All cases in the order in which they run.';


CREATE VIEW submitter.history AS
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
    a.id AS attempt_id
FROM submitter.attempts AS a
JOIN submitter.submissions AS s ON s.id = a.submission_id
LEFT JOIN submitter.results AS r ON r.attempt_id = a.id
ORDER BY s.admin, s.event, s.assignment, s.subid, a.number;
COMMENT ON VIEW submitter.history IS
    'Every attempt. Its cases: SELECT * FROM submitter.case_results WHERE attempt_id = ...';
COMMENT ON COLUMN submitter.history.published IS 'Whether its result was shown when it finished.';
COMMENT ON COLUMN submitter.history.is_shown IS 'Whether its result is the one that the student sees now.';
