-- An example to copy: the assignment m.soltys/aws_labs/lab5_containers with its cases and two students.
--
--     psql "$SUBMITTER_DATABASE_URL" -v ON_ERROR_STOP=1 -f sql/seeds/lab5_containers.sql
--
-- The task: the program gets a number as its first argument and prints the number's square.
--
--     import sys
--     print(int(sys.argv[1]) ** 2)
--
-- To make your own: copy this file, change the three names and the cases, and run it. Running it again is safe: settings
-- and cases are set to what stands here, and results that students already have are kept. To have those graded again by
-- the new cases, the students submit again, or you run `submitter process KEY` for each.

-- All of it or, after any error, nothing.
BEGIN;

-- 1. The assignment: who owns it, in which event, and its name. They are the first three parts of the submissions' keys
--    in the bucket: m.soltys/aws_labs/lab5_containers/<subid>/<subid>.py
--
--    Settings that are not named keep their defaults (\d submitter.assignments shows them), or, when the assignment
--    exists already, what they are. The usual ones:
--        input_mode    'argument'   the whole input is argv[1] (the default)
--                      'arguments'  the input is split into words as a shell would do it
--                      'stdin'      the program reads the input from standard input
--        cpu_time_s    seconds of processor time per case
--        memory_bytes  memory per case
SELECT submitter.add_assignment(
    'm.soltys', 'aws_labs', 'lab5_containers',
    input_mode => 'argument',
    cpu_time_s => 2,
    memory_bytes => 256 * 1024 * 1024
);

-- 2. The test cases. Students see all of them: the input, what was expected and what their program printed.
--    The first list holds the inputs, the second the expected outputs in the same order: input 3 expects 9.
SELECT submitter.replace_cases(
    'm.soltys', 'aws_labs', 'lab5_containers', 'test',
    inputs   => ARRAY['1', '2', '3', '4',  '5',  '6',  '7',  '8',  '9',  '10'],
    expected => ARRAY['1', '4', '9', '16', '25', '36', '49', '64', '81', '100']
);

-- 3. The grade cases. Students see a verdict and points only, so this is the place for what a program is likely to get
--    wrong: zero, a negative number, numbers that are large. Each is worth 2.5 points here; left out, it would be 1.
SELECT submitter.replace_cases(
    'm.soltys', 'aws_labs', 'lab5_containers', 'grade',
    inputs   => ARRAY['0', '-12', '1000',    '123456789'],
    expected => ARRAY['0', '144', '1000000', '15241578750190521'],
    points   => 2.5
);

--    Cases with points of their own, or over several lines, are added one at a time. Note that add_case appends: in a
--    file that may run twice, it goes after a replace_cases of the same kind. E'...' writes \n for a line break:
--
--        SELECT submitter.add_case('m.soltys', 'aws_labs', 'lab5_containers', 'grade', '-1', '1', points => 5);
--        SELECT submitter.add_case('m.soltys', 'aws_labs', 'another_lab', 'test', E'two\nlines', E'a\nb');

-- 4. Whose token is whose. A token is 32 hexadecimal digits; a submission's metadata lists the tokens of everyone in
--    the team, and the gradebook shows the e-mail addresses. Registering a token again changes its address.
SELECT submitter.register('0123456789abcdef0123456789abcdef', 'ada@example.edu');
SELECT submitter.register('fedcba9876543210fedcba9876543210', 'grace@example.edu');

COMMIT;

-- What there is now, and later who has what:
--     SELECT * FROM submitter.case_list WHERE assignment = 'lab5_containers';
--     SELECT emails, state, score, max_score FROM submitter.gradebook WHERE assignment = 'lab5_containers';
