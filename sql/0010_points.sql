-- What cases are worth beyond points of their own: groups, bonus and penalty cases; and limits of a case's own.
--
-- Mirrors submitter/points.py. A group's name stands in its cases; what it depends on stands in the group.

CREATE TABLE submitter.case_groups (
    assignment_id bigint  NOT NULL REFERENCES submitter.assignments ON DELETE CASCADE,
    name          text    NOT NULL CONSTRAINT group_name_is_1_to_100_printable_characters
                  CHECK (name ~ '^[^\u0001-\u001f\u007f-\u009f]{1,100}$' AND name = btrim(name)),
    position      integer NOT NULL CHECK (position >= 1),
    rule          text    NOT NULL DEFAULT 'sum' CONSTRAINT rule_is_sum_minimum_or_all_or_nothing
                  CHECK (rule IN ('sum', 'minimum', 'all_or_nothing')),
    stops_early   boolean NOT NULL DEFAULT false,
    depends_on    text[]  NOT NULL DEFAULT '{}'
                  CONSTRAINT depends_on_has_no_nulls CHECK (array_position(depends_on, NULL) IS NULL),
    PRIMARY KEY (assignment_id, name)
);
COMMENT ON TABLE submitter.case_groups IS
    'Cases of an assignment that are worth something together. Make and change one with submitter.set_group(...).';
COMMENT ON COLUMN submitter.case_groups.position IS 'In which order groups are listed.';
COMMENT ON COLUMN submitter.case_groups.rule IS
    'What the group is worth: sum (its cases'' points, added up), minimum (all its points times the fraction that its worst '
    'case earned), all_or_nothing (all its points if every case passed, else none).';
COMMENT ON COLUMN submitter.case_groups.stops_early IS
    'Whether, after the first of its cases that fails, the others are skipped.';
COMMENT ON COLUMN submitter.case_groups.depends_on IS
    'Names of groups. Unless all cases of those pass, those of this one are skipped.';


CREATE FUNCTION submitter.check_dependencies() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    unknown text;
    needed_by text;
BEGIN
    IF TG_OP <> 'INSERT' THEN
        SELECT g.name INTO needed_by FROM submitter.case_groups AS g
        WHERE g.assignment_id = OLD.assignment_id AND OLD.name = ANY (g.depends_on)
          AND NOT EXISTS (SELECT FROM submitter.case_groups AS still
                          WHERE still.assignment_id = OLD.assignment_id AND still.name = OLD.name);
        IF needed_by IS NOT NULL THEN
            RAISE EXCEPTION 'the group % depends on %', quote_literal(needed_by), quote_literal(OLD.name)
                USING ERRCODE = 'foreign_key_violation',
                      HINT = 'Change that first: submitter.set_group(..., depends_on => ARRAY[...]).';
        END IF;
    END IF;
    IF TG_OP = 'DELETE' THEN
        RETURN NULL;
    END IF;
    SELECT needed.name INTO unknown FROM unnest(NEW.depends_on) AS needed (name)
    WHERE NOT EXISTS (SELECT FROM submitter.case_groups AS g
                      WHERE g.assignment_id = NEW.assignment_id AND g.name = needed.name);
    IF unknown IS NOT NULL THEN
        RAISE EXCEPTION 'the group % depends on %, which is no group of this assignment',
            quote_literal(NEW.name), quote_literal(unknown)
            USING ERRCODE = 'foreign_key_violation', HINT = 'Make that group first: submitter.set_group(...).';
    END IF;
    IF EXISTS (
        WITH RECURSIVE needed (name) AS (
            SELECT unnest(NEW.depends_on)
            UNION
            SELECT unnest(g.depends_on) FROM needed
            JOIN submitter.case_groups AS g ON g.assignment_id = NEW.assignment_id AND g.name = needed.name
        )
        SELECT FROM needed WHERE needed.name = NEW.name
    ) THEN
        RAISE EXCEPTION 'the group % would depend on itself, by way of %',
            quote_literal(NEW.name), array_to_string(NEW.depends_on, ', ')
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Leave one of the dependencies of the circle out.';
    END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION submitter.check_dependencies IS
    'For submitter.case_groups: a group depends on groups that there are, and never on itself, in however many steps.';

CREATE TRIGGER dependencies_make_sense AFTER INSERT OR UPDATE OR DELETE ON submitter.case_groups
    FOR EACH ROW EXECUTE FUNCTION submitter.check_dependencies();


ALTER TABLE submitter.test_cases
    ADD COLUMN group_name   text,
    ADD COLUMN role         text NOT NULL DEFAULT 'regular' CONSTRAINT role_is_regular_bonus_or_penalty
               CHECK (role IN ('regular', 'bonus', 'penalty')),
    ADD COLUMN cpu_time_s   numeric CONSTRAINT cpu_time_s_is_greater_than_0
               CHECK (cpu_time_s > 0 AND cpu_time_s < 'Infinity'),
    ADD COLUMN wall_time_s  numeric CONSTRAINT wall_time_s_is_greater_than_0
               CHECK (wall_time_s > 0 AND wall_time_s < 'Infinity'),
    ADD COLUMN memory_bytes bigint CONSTRAINT memory_bytes_is_greater_than_0 CHECK (memory_bytes > 0),
    ADD COLUMN output_bytes bigint CONSTRAINT output_bytes_is_greater_than_0 CHECK (output_bytes > 0),
    ADD CONSTRAINT group_is_one_of_the_assignment FOREIGN KEY (assignment_id, group_name)
        REFERENCES submitter.case_groups (assignment_id, name) ON UPDATE CASCADE,
    ADD CONSTRAINT bonus_and_penalty_cases_are_in_no_group CHECK (role = 'regular' OR group_name IS NULL);
COMMENT ON COLUMN submitter.test_cases.group_name IS 'Which of submitter.case_groups it belongs to; NULL: it counts by itself.';
COMMENT ON COLUMN submitter.test_cases.role IS
    'regular: its points are part of the most that can be reached; bonus: they come on top; penalty: lost if it fails.';
COMMENT ON COLUMN submitter.test_cases.cpu_time_s IS 'Seconds of processor time for this case; NULL: as the assignment says.';
COMMENT ON COLUMN submitter.test_cases.wall_time_s IS 'Seconds by the clock for this case; NULL: as the assignment says.';
COMMENT ON COLUMN submitter.test_cases.memory_bytes IS 'Memory for this case; NULL: as the assignment says.';
COMMENT ON COLUMN submitter.test_cases.output_bytes IS 'What this case may print; NULL: as the assignment says.';


ALTER TABLE submitter.results ADD COLUMN groups jsonb NOT NULL DEFAULT '[]';
COMMENT ON COLUMN submitter.results.groups IS
    'What each group was worth then: name, rule, score, max_score, status, and which it depended on.';
ALTER TABLE submitter.case_results
    ADD COLUMN reason     text,
    ADD COLUMN group_name text,
    ADD COLUMN role       text NOT NULL DEFAULT 'regular';
COMMENT ON COLUMN submitter.case_results.reason IS 'Of a case that was skipped: why.';
COMMENT ON COLUMN submitter.case_results.group_name IS 'Which group it belonged to then; NULL: none.';
COMMENT ON COLUMN submitter.case_results.role IS 'regular, bonus or penalty: how it counted then.';
COMMENT ON COLUMN submitter.case_results.points IS
    'What the case earned by itself; what its group was worth is in submitter.results. Less than 0: a penalty.';


CREATE OR REPLACE VIEW submitter.case_list AS
SELECT a.admin, a.event, a.name AS assignment, c.kind, c.ordinal, c.input, c.expected, c.points,
       c.group_name, c.role, c.cpu_time_s, c.wall_time_s, c.memory_bytes, c.output_bytes
FROM submitter.assignments AS a
JOIN submitter.test_cases AS c ON c.assignment_id = a.id
ORDER BY a.admin, a.event, a.name, c.kind = 'grade', c.ordinal;
COMMENT ON VIEW submitter.case_list IS 'All cases in their order; those in groups that depend on others run after those.';


CREATE VIEW submitter.group_list AS
SELECT a.admin, a.event, a.name AS assignment, g.name, g.rule, g.stops_early, g.depends_on,
       count(c.ordinal) AS cases, coalesce(sum(c.points), 0) AS points
FROM submitter.case_groups AS g
JOIN submitter.assignments AS a ON a.id = g.assignment_id
LEFT JOIN submitter.test_cases AS c ON c.assignment_id = g.assignment_id AND c.group_name = g.name
GROUP BY a.id, g.assignment_id, g.name
ORDER BY a.admin, a.event, a.name, g.position;
COMMENT ON VIEW submitter.group_list IS 'All groups with how many cases they have and what they are worth at the most.';


CREATE FUNCTION submitter.set_group(
    admin       text,
    event       text,
    assignment  text,
    name        text,
    rule        text    DEFAULT NULL,
    stops_early boolean DEFAULT NULL,
    depends_on  text[]  DEFAULT NULL
) RETURNS text
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    target bigint := submitter.lock_assignment(set_group.admin, set_group.event, set_group.assignment);
    is_new boolean;
BEGIN
    INSERT INTO submitter.case_groups (assignment_id, name, position)
    SELECT target, set_group.name, coalesce(max(g.position), 0) + 1
    FROM submitter.case_groups AS g WHERE g.assignment_id = target
    ON CONFLICT (assignment_id, name) DO NOTHING;
    is_new := FOUND;

    UPDATE submitter.case_groups AS g SET
        rule        = coalesce(set_group.rule, g.rule),
        stops_early = coalesce(set_group.stops_early, g.stops_early),
        depends_on  = coalesce(set_group.depends_on, g.depends_on)
    WHERE g.assignment_id = target AND g.name = set_group.name;
    RETURN set_group.name
        || CASE WHEN is_new THEN ' added; now give it cases' ELSE ' changed; its cases are kept' END;
END $$;
COMMENT ON FUNCTION submitter.set_group IS
    'Makes a group of cases, or changes what is named of it. A new one is worth the sum of its cases.';


CREATE FUNCTION submitter.remove_group(admin text, event text, assignment text, name text) RETURNS text
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    target bigint := submitter.lock_assignment(remove_group.admin, remove_group.event, remove_group.assignment);
BEGIN
    UPDATE submitter.test_cases AS c SET group_name = NULL
    WHERE c.assignment_id = target AND c.group_name = remove_group.name;
    DELETE FROM submitter.case_groups AS g WHERE g.assignment_id = target AND g.name = remove_group.name;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no group %', coalesce(quote_literal(remove_group.name), 'NULL')
            USING ERRCODE = 'no_data_found', HINT = 'SELECT * FROM submitter.group_list shows those that there are.';
    END IF;
    RETURN remove_group.name || ' removed; its cases count by themselves';
END $$;
COMMENT ON FUNCTION submitter.remove_group IS 'Removes a group; its cases stay, and count by themselves.';


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
    output_bytes bigint  DEFAULT NULL
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
        output_bytes = coalesce(change_cases.output_bytes, c.output_bytes)
    WHERE c.assignment_id = target AND c.kind = change_cases.kind AND c.ordinal = ANY (ordinals);
    GET DIAGNOSTICS changed = ROW_COUNT;
    RETURN changed;
END $$;
COMMENT ON FUNCTION submitter.change_cases IS
    'Changes what is named of the cases with these ordinals: points, group ('''' takes them out of theirs), role, limits of '
    'their own. Returns how many they are.';
