-- Programs of several files: what the program is called in an archive, and files that an assignment brings. And modules
-- that executors import ahead.
--
-- CHECKs mirror submitter/supplies.py.

ALTER TABLE submitter.assignments
    ADD COLUMN main_file text CONSTRAINT main_file_is_a_plain_name_such_as_main_py
        CHECK (main_file ~ '^[A-Za-z0-9_][A-Za-z0-9_-]{0,63}[.][A-Za-z0-9]{1,15}$'),
    ADD COLUMN files bytea CONSTRAINT files_are_an_archive_of_at_most_8_mib
        CHECK (octet_length(files) BETWEEN 1 AND 8388608),
    ADD COLUMN preload text CONSTRAINT preload_names_modules_with_commas_between CHECK (
        preload ~ (
            '^[A-Za-z_][A-Za-z0-9_]{0,63}([.][A-Za-z_][A-Za-z0-9_]{0,63}){0,7}'
            '(,[A-Za-z_][A-Za-z0-9_]{0,63}([.][A-Za-z_][A-Za-z0-9_]{0,63}){0,7}){0,15}$')
        AND (',' || preload || ',') !~ ',([^,]+),(.*,)?\1,');
COMMENT ON COLUMN submitter.assignments.main_file IS
    'What programs are called where they run; a zip or tar with such a file is taken, too. NULL: no archives. '
    'Set it with submitter.set_main_file(...).';
COMMENT ON COLUMN submitter.assignments.files IS
    'A zip or tar of files that every program finds, in place of its own of the same names. '
    'Set it with `submitter assignment files`, which tries it first.';
COMMENT ON COLUMN submitter.assignments.preload IS
    'Modules that executors import once, before programs come: ''numpy,xml.dom''; NULL: none. '
    'Set it with submitter.set_preload(...), or with `submitter assignment preload`, which tries them first.';


CREATE FUNCTION submitter.set_main_file(
    admin      text,
    event      text,
    assignment text,
    main_file  text DEFAULT NULL
) RETURNS text
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    target bigint := submitter.lock_assignment(set_main_file.admin, set_main_file.event, set_main_file.assignment);
BEGIN
    UPDATE submitter.assignments AS a SET main_file = set_main_file.main_file WHERE a.id = target;
    RETURN CASE WHEN set_main_file.main_file IS NULL THEN 'programs are one file each'
                ELSE format('programs are called %s; archives with such a file are taken', set_main_file.main_file) END;
END $$;
COMMENT ON FUNCTION submitter.set_main_file IS
    'Sets what programs are called where they run, and lets students hand in archives that have such a file. '
    'Without a name: programs are one file each.';


CREATE FUNCTION submitter.set_preload(
    admin      text,
    event      text,
    assignment text,
    modules    text DEFAULT NULL
) RETURNS text
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    target bigint := submitter.lock_assignment(set_preload.admin, set_preload.event, set_preload.assignment);
BEGIN
    UPDATE submitter.assignments AS a SET preload = nullif(modules, '') WHERE a.id = target;
    RETURN CASE WHEN coalesce(modules, '') = '' THEN 'nothing is preloaded'
                ELSE format('executors import %s ahead, if they can', modules) END;
END $$;
COMMENT ON FUNCTION submitter.set_preload IS
    'Sets which modules executors import once, before programs come, with commas between; without any: none.';
