-- The other two limits that a case may have of its own: what it may write, and how many processes it may have.

ALTER TABLE submitter.test_cases
    ADD COLUMN file_bytes bigint  CONSTRAINT file_bytes_is_greater_than_0 CHECK (file_bytes > 0),
    ADD COLUMN processes  integer CONSTRAINT processes_is_greater_than_0 CHECK (processes > 0),
    DROP CONSTRAINT what_proves_has_the_limits_of_its_tool,
    ADD CONSTRAINT what_proves_has_the_limits_of_its_tool CHECK (
        step = 'run'
        OR num_nonnulls(cpu_time_s, wall_time_s, memory_bytes, output_bytes, file_bytes, processes) = 0);
COMMENT ON COLUMN submitter.test_cases.file_bytes IS
    'What this case may write, in one file and in all together; NULL: as the assignment says.';
COMMENT ON COLUMN submitter.test_cases.processes IS
    'How many processes and threads this case may have; NULL: as the assignment says.';


CREATE OR REPLACE VIEW submitter.case_list AS
SELECT a.admin, a.event, a.name AS assignment, c.kind, c.ordinal, c.input, c.expected, c.points,
       c.group_name, c.role, c.cpu_time_s, c.wall_time_s, c.memory_bytes, c.output_bytes, c.step,
       c.file_bytes, c.processes
FROM submitter.assignments AS a
JOIN submitter.test_cases AS c ON c.assignment_id = a.id
ORDER BY a.admin, a.event, a.name, c.kind = 'grade', c.ordinal;


DROP FUNCTION submitter.change_cases;
CREATE FUNCTION submitter.change_cases(
    admin        text,
    event        text,
    assignment   text,
    kind         text,
    ordinals     integer[],
    points       numeric DEFAULT NULL,
    group_name   text    DEFAULT NULL,
    role         text    DEFAULT NULL,
    cpu_time_s   numeric DEFAULT NULL,
    wall_time_s  numeric DEFAULT NULL,
    memory_bytes bigint  DEFAULT NULL,
    output_bytes bigint  DEFAULT NULL,
    file_bytes   bigint  DEFAULT NULL,
    processes    integer DEFAULT NULL
) RETURNS integer
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    target bigint := submitter.lock_assignment(change_cases.admin, change_cases.event, change_cases.assignment);
    missing integer;
    changed integer;
BEGIN
    PERFORM submitter.check_kind(change_cases.kind);
    SELECT wanted.ordinal INTO missing FROM unnest(ordinals) AS wanted (ordinal)
    WHERE NOT EXISTS (SELECT FROM submitter.test_cases AS c
                      WHERE c.assignment_id = target AND c.kind = change_cases.kind AND c.ordinal = wanted.ordinal)
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'there is no case % %; nothing was changed', change_cases.kind, coalesce(missing::text, 'NULL')
            USING ERRCODE = 'no_data_found', HINT = 'SELECT * FROM submitter.case_list shows those that there are.';
    END IF;
    UPDATE submitter.test_cases AS c SET
        points       = coalesce(change_cases.points, c.points),
        group_name   = nullif(coalesce(change_cases.group_name, c.group_name), ''),
        role         = coalesce(change_cases.role, c.role),
        cpu_time_s   = coalesce(change_cases.cpu_time_s, c.cpu_time_s),
        wall_time_s  = coalesce(change_cases.wall_time_s, c.wall_time_s),
        memory_bytes = coalesce(change_cases.memory_bytes, c.memory_bytes),
        output_bytes = coalesce(change_cases.output_bytes, c.output_bytes),
        file_bytes   = coalesce(change_cases.file_bytes, c.file_bytes),
        processes    = coalesce(change_cases.processes, c.processes)
    WHERE c.assignment_id = target AND c.kind = change_cases.kind AND c.ordinal = ANY (ordinals);
    GET DIAGNOSTICS changed = ROW_COUNT;
    RETURN changed;
END $$;
COMMENT ON FUNCTION submitter.change_cases IS
    'Changes what is named of the cases with these ordinals: points, group ('''' takes them out of theirs), role, limits of '
    'their own. Returns how many they are.';
