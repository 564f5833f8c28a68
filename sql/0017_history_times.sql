-- Times in submitter.history to the millisecond: a double precision of Postgres prints all of its 17 digits.
-- The tables keep what was measured.

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
    round(r.execution_time_s::numeric, 3)::double precision AS execution_time_s,
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
    round(r.fetch_s::numeric, 3)::double precision AS fetch_s,
    round(r.wait_s::numeric, 3)::double precision AS wait_s,
    round(r.run_s::numeric, 3)::double precision AS run_s,
    round(r.judge_s::numeric, 3)::double precision AS judge_s,
    round(r.publish_s::numeric, 3)::double precision AS publish_s,
    a.plan_id
FROM submitter.attempts AS a
JOIN submitter.submissions AS s ON s.id = a.submission_id
LEFT JOIN submitter.results AS r ON r.attempt_id = a.id
LEFT JOIN submitter.test_sets AS t ON t.id = a.test_set_id
ORDER BY s.admin, s.event, s.assignment, s.subid, a.number;
