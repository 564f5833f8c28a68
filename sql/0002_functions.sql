-- One function per everyday act of a course admin. Errors say what to do next.
--
-- Parameters are named as the columns are, so that calls read well (`input_mode => 'stdin'`). Where the two could be
-- confused, a parameter is written with its function's name in front and the column wins otherwise.

CREATE FUNCTION submitter.lock_assignment(admin text, event text, assignment text) RETURNS bigint
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    found_id bigint;
BEGIN
    UPDATE submitter.assignments AS a SET updated_at = now()
    WHERE a.admin = lock_assignment.admin AND a.event = lock_assignment.event AND a.name = lock_assignment.assignment
    RETURNING a.id INTO found_id;
    IF found_id IS NULL THEN
        RAISE EXCEPTION 'there is no assignment %/%/%', lock_assignment.admin, lock_assignment.event, assignment
            USING ERRCODE = 'no_data_found',
                  HINT = format('Make it first: SELECT submitter.add_assignment(%L, %L, %L);',
                                lock_assignment.admin, lock_assignment.event, assignment);
    END IF;
    RETURN found_id;
END $$;
COMMENT ON FUNCTION submitter.lock_assignment IS
    'For the other functions: marks the assignment as changed, holds it until the transaction ends, returns its id.';


CREATE FUNCTION submitter.check_kind(kind text) RETURNS void
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF kind IS NULL OR kind NOT IN ('test', 'grade') THEN
        RAISE EXCEPTION 'the kind of a case is test or grade, not %', coalesce(quote_literal(kind), 'NULL')
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Of a test case the student may see everything, of a grade case a verdict and points only.';
    END IF;
END $$;
COMMENT ON FUNCTION submitter.check_kind IS 'For the other functions: refuses what is neither test nor grade.';


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
    source_bytes bigint  DEFAULT NULL
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
        updated_at   = now()
    WHERE a.admin = add_assignment.admin AND a.event = add_assignment.event AND a.name = add_assignment.assignment;

    RETURN full_name || CASE WHEN is_new THEN ' added; now give it cases' ELSE ' changed; its cases are kept' END;
END $$;
COMMENT ON FUNCTION submitter.add_assignment IS
    'Makes an assignment, or changes the settings that are named and keeps its other settings and its cases. '
    'A new one gets the defaults of submitter.assignments for what is not named.';


CREATE FUNCTION submitter.add_case(
    admin      text,
    event      text,
    assignment text,
    kind       text,
    input      text,
    expected   text,
    points     numeric DEFAULT 1
) RETURNS integer
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    -- The lock makes two admins who add at once get two ordinals.
    target bigint := submitter.lock_assignment(add_case.admin, add_case.event, add_case.assignment);
    next_ordinal integer;
BEGIN
    PERFORM submitter.check_kind(add_case.kind);
    SELECT coalesce(max(c.ordinal), 0) + 1 INTO next_ordinal
    FROM submitter.test_cases AS c WHERE c.assignment_id = target AND c.kind = add_case.kind;

    INSERT INTO submitter.test_cases (assignment_id, kind, ordinal, input, expected, points)
    VALUES (target, add_case.kind, next_ordinal, add_case.input, add_case.expected, add_case.points);
    RETURN next_ordinal;
END $$;
COMMENT ON FUNCTION submitter.add_case IS
    'Appends one case to the test or grade cases of an assignment and returns its ordinal. Run twice, it adds two: '
    'a script that may run again uses submitter.replace_cases.';


CREATE FUNCTION submitter.replace_cases(
    admin      text,
    event      text,
    assignment text,
    kind       text,
    inputs     text[],
    expected   text[],
    points     numeric DEFAULT 1
) RETURNS integer
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    target bigint := submitter.lock_assignment(
        replace_cases.admin, replace_cases.event, replace_cases.assignment);
    input_count integer := coalesce(cardinality(inputs), 0);
    expected_count integer := coalesce(cardinality(replace_cases.expected), 0);
BEGIN
    PERFORM submitter.check_kind(replace_cases.kind);
    IF input_count <> expected_count THEN
        RAISE EXCEPTION 'there are % inputs but % expected outputs; nothing was changed', input_count, expected_count
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Give one expected output for each input, in the same order.';
    END IF;
    IF array_position(inputs, NULL) IS NOT NULL OR array_position(replace_cases.expected, NULL) IS NOT NULL THEN
        RAISE EXCEPTION 'case % is NULL; nothing was changed',
            coalesce(array_position(inputs, NULL), array_position(replace_cases.expected, NULL))
            USING ERRCODE = 'null_value_not_allowed',
                  HINT = 'Write '''' for an empty input or for a program that prints nothing.';
    END IF;

    DELETE FROM submitter.test_cases AS c WHERE c.assignment_id = target AND c.kind = replace_cases.kind;
    INSERT INTO submitter.test_cases (assignment_id, kind, ordinal, input, expected, points)
    SELECT target, replace_cases.kind, pair.ordinal, pair.input, pair.expected, replace_cases.points
    FROM unnest(inputs, replace_cases.expected) WITH ORDINALITY AS pair (input, expected, ordinal);
    RETURN input_count;
END $$;
COMMENT ON FUNCTION submitter.replace_cases IS
    'Replaces all test or all grade cases of an assignment, wholly or not at all, each worth the same points; '
    'the other kind stays. Returns how many there are now.';


CREATE FUNCTION submitter.register(token text, email text) RETURNS text
LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
    IF register.token IS NULL OR register.token !~ '^[0-9a-f]{32}$' THEN
        RAISE EXCEPTION 'a token is 32 hexadecimal digits in lower case, not %',
            coalesce(quote_literal(register.token), 'NULL')
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Use the token that the front end gave the student; lower(...) mends capital letters.';
    END IF;
    IF register.email IS NULL OR register.email !~ '^[^@\s]+@[^@\s]+$' THEN
        RAISE EXCEPTION '% is not an e-mail address', coalesce(quote_literal(register.email), 'NULL')
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Write it as name@example.edu, without blanks.';
    END IF;
    INSERT INTO submitter.registrations AS r (token, email) VALUES (register.token, register.email)
    ON CONFLICT (token) DO UPDATE SET email = excluded.email;
    RETURN register.token || ' belongs to ' || register.email;
END $$;
COMMENT ON FUNCTION submitter.register IS
    'Says whose token it is; called again for the same token, it changes the e-mail address.';


CREATE FUNCTION submitter.remove_assignment(admin text, event text, assignment text) RETURNS text
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    target bigint := submitter.lock_assignment(
        remove_assignment.admin, remove_assignment.event, remove_assignment.assignment);
BEGIN
    DELETE FROM submitter.assignments AS a WHERE a.id = target;
    RETURN format('%s/%s/%s removed with its cases; its submissions and results are kept',
                  remove_assignment.admin, remove_assignment.event, remove_assignment.assignment);
END $$;
COMMENT ON FUNCTION submitter.remove_assignment IS
    'Removes an assignment and its cases. Submissions and results stay; new submissions for it are rejected.';
