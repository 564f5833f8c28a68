-- One attempt at a time for each upload of a submission: a lease with an owner, which ends by the database's clock.

ALTER TABLE submitter.attempts
    ADD COLUMN message_id text,
    ADD COLUMN lease_expires_at timestamptz,
    ADD COLUMN failure text;
COMMENT ON COLUMN submitter.attempts.message_id IS
    'The message that asked for it; NULL when a command did. A message whose attempt was published is done with.';
COMMENT ON COLUMN submitter.attempts.lease_expires_at IS
    'Until then nobody else grades this upload; its worker sets it again and again. '
    'NULL: finished, given up, or taken over by somebody else after it had passed.';
COMMENT ON COLUMN submitter.attempts.failure IS
    'Why it ended without a result, where that may be the submission''s own doing. Five of one message are enough.';

CREATE INDEX unfinished_attempts ON submitter.attempts (submission_id) WHERE finished_at IS NULL;

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
    a.lease_expires_at
FROM submitter.attempts AS a
JOIN submitter.submissions AS s ON s.id = a.submission_id
LEFT JOIN submitter.results AS r ON r.attempt_id = a.id
ORDER BY s.admin, s.event, s.assignment, s.subid, a.number;
