-- Mails to students about their results: off unless an assignment asks for them.
--
-- A notice is noted in the transaction that records the result, so that neither can be without the other. Whoever sends
-- one says so first: were it to die in the middle, the notice would be unclear, and is not sent a second time.

ALTER TABLE submitter.assignments ADD COLUMN notices boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN submitter.assignments.notices IS
    'Whether students are told of their results by e-mail. The operator has to say how mail is sent.';


CREATE TABLE submitter.notices (
    attempt_id  bigint  NOT NULL REFERENCES submitter.results ON DELETE CASCADE,
    token       text    NOT NULL,
    state       text    NOT NULL DEFAULT 'waiting'
                CONSTRAINT state_is_waiting_sending_sent_failed_or_unclear
                CHECK (state IN ('waiting', 'sending', 'sent', 'failed', 'unclear')),
    tries       integer NOT NULL DEFAULT 0 CHECK (tries >= 0),
    problem     text,
    noted_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    next_try_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (attempt_id, token)
);
COMMENT ON TABLE submitter.notices IS
    'One row for each student who is, or was, to be told of a result. Read it in submitter.notice_list.';
COMMENT ON COLUMN submitter.notices.token IS 'Whose it is; submitter.registrations has the address when it is sent.';
COMMENT ON COLUMN submitter.notices.state IS
    'waiting: will be tried; sending: somebody has it in hand; sent: the mail service has taken it; failed: it never '
    'will be; unclear: the mail service may have taken it, and it is not sent again unasked.';
COMMENT ON COLUMN submitter.notices.problem IS 'Why the last try did not succeed.';
COMMENT ON COLUMN submitter.notices.noted_at IS 'When the result was published, or somebody asked for it to be tried again.';
COMMENT ON COLUMN submitter.notices.next_try_at IS
    'Of one that waits: not before. Of one that is being sent: by then it is, or whoever had it has died.';

CREATE INDEX open_notices ON submitter.notices (next_try_at) WHERE state IN ('waiting', 'sending');


CREATE VIEW submitter.notice_list AS
SELECT
    s.admin,
    s.event,
    s.assignment,
    s.subid,
    n.attempt_id,
    reg.email,
    n.state,
    n.tries,
    n.problem,
    n.noted_at,
    n.next_try_at,
    n.token
FROM submitter.notices AS n
JOIN submitter.attempts AS a ON a.id = n.attempt_id
JOIN submitter.submissions AS s ON s.id = a.submission_id
LEFT JOIN submitter.registrations AS reg ON reg.token = n.token
ORDER BY n.noted_at, n.attempt_id, n.token;
COMMENT ON VIEW submitter.notice_list IS
    'Who was told of which result by e-mail, and who was not: WHERE state IN (''failed'', ''unclear'').';


-- The function for assignments' settings, with one more.

DROP FUNCTION submitter.add_assignment;
CREATE FUNCTION submitter.add_assignment(
    admin        text,
    event        text,
    assignment   text,
    input_mode   text    DEFAULT NULL,
    language     text    DEFAULT NULL,
    comparison   text    DEFAULT NULL,
    cpu_time_s   numeric DEFAULT NULL,
    wall_time_s  numeric DEFAULT NULL,
    memory_bytes bigint  DEFAULT NULL,
    output_bytes bigint  DEFAULT NULL,
    file_bytes   bigint  DEFAULT NULL,
    processes    integer DEFAULT NULL,
    source_bytes bigint  DEFAULT NULL,
    notices      boolean DEFAULT NULL
) RETURNS text
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    is_new boolean;
    full_name text := format('%s/%s/%s', add_assignment.admin, add_assignment.event, add_assignment.assignment);
BEGIN
    -- Two steps, so that the defaults stand in one place only: the columns of the table.
    INSERT INTO submitter.assignments (admin, event, name)
    VALUES (add_assignment.admin, add_assignment.event, add_assignment.assignment)
    ON CONFLICT (admin, event, name) DO NOTHING;
    is_new := FOUND;

    UPDATE submitter.assignments AS a SET
        input_mode   = coalesce(add_assignment.input_mode, a.input_mode),
        language     = coalesce(add_assignment.language, a.language),
        comparison   = coalesce(add_assignment.comparison, a.comparison),
        cpu_time_s   = coalesce(add_assignment.cpu_time_s, a.cpu_time_s),
        wall_time_s  = coalesce(add_assignment.wall_time_s, a.wall_time_s),
        memory_bytes = coalesce(add_assignment.memory_bytes, a.memory_bytes),
        output_bytes = coalesce(add_assignment.output_bytes, a.output_bytes),
        file_bytes   = coalesce(add_assignment.file_bytes, a.file_bytes),
        processes    = coalesce(add_assignment.processes, a.processes),
        source_bytes = coalesce(add_assignment.source_bytes, a.source_bytes),
        notices      = coalesce(add_assignment.notices, a.notices),
        updated_at   = now()
    WHERE a.admin = add_assignment.admin AND a.event = add_assignment.event AND a.name = add_assignment.assignment;

    RETURN full_name || CASE WHEN is_new THEN ' added; now give it cases' ELSE ' changed; its cases are kept' END;
END $$;
COMMENT ON FUNCTION submitter.add_assignment IS
    'Makes an assignment, or changes the settings that are named and keeps its other settings and its cases. '
    'A new one gets the defaults of submitter.assignments for what is not named.';
