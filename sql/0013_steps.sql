-- Cases that have the program checked, without running it, by the tool that its language names.

ALTER TABLE submitter.test_cases
    ADD COLUMN step text NOT NULL DEFAULT 'run' CONSTRAINT step_is_run_or_prove CHECK (step IN ('run', 'prove')),
    ADD CONSTRAINT what_proves_has_no_input_and_no_expected_output
        CHECK (step = 'run' OR (input = '' AND expected = '')),
    ADD CONSTRAINT what_proves_has_the_limits_of_its_tool
        CHECK (step = 'run' OR num_nonnulls(cpu_time_s, wall_time_s, memory_bytes, output_bytes) = 0);
COMMENT ON COLUMN submitter.test_cases.step IS
    'run: the program is run, and its output compared. prove: it is checked, without being run, by the tool that its '
    'language names; input and expected are empty. Make one with submitter.add_prove_case(...).';

ALTER TABLE submitter.case_results
    ADD COLUMN step text NOT NULL DEFAULT 'run' CHECK (step IN ('run', 'prove'));
COMMENT ON COLUMN submitter.case_results.step IS
    'As the case''s was then. Of prove, stdout, stderr and exit_code are the tool''s.';


CREATE OR REPLACE VIEW submitter.case_list AS
SELECT a.admin, a.event, a.name AS assignment, c.kind, c.ordinal, c.input, c.expected, c.points,
       c.group_name, c.role, c.cpu_time_s, c.wall_time_s, c.memory_bytes, c.output_bytes, c.step
FROM submitter.assignments AS a
JOIN submitter.test_cases AS c ON c.assignment_id = a.id
ORDER BY a.admin, a.event, a.name, c.kind = 'grade', c.ordinal;


CREATE FUNCTION submitter.add_prove_case(
    admin      text,
    event      text,
    assignment text,
    kind       text,
    points     numeric DEFAULT 1
) RETURNS integer
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    next_ordinal integer := submitter.add_case(
        add_prove_case.admin, add_prove_case.event, add_prove_case.assignment, add_prove_case.kind, '', '',
        add_prove_case.points);
BEGIN
    UPDATE submitter.test_cases AS c SET step = 'prove'
    FROM submitter.assignments AS a
    WHERE a.id = c.assignment_id AND a.admin = add_prove_case.admin AND a.event = add_prove_case.event
      AND a.name = add_prove_case.assignment AND c.kind = add_prove_case.kind AND c.ordinal = next_ordinal;
    RETURN next_ordinal;
END $$;
COMMENT ON FUNCTION submitter.add_prove_case IS
    'Appends a case that has the program checked, without running it, by the tool that its language names, and returns '
    'its ordinal. Run twice, it adds two.';
