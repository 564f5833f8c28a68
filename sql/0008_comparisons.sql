-- More ways to compare, and options: the grammar of submitter/comparison.py, word for word, so that what is stored can
-- be read and what can be read is stored. What each one means is in docs/admins.md.

ALTER TABLE submitter.assignments
    DROP CONSTRAINT comparison_is_exact_trailing_blanks_or_whitespace,
    ADD CONSTRAINT comparison_is_written_as_in_docs_admins_md CHECK (
        comparison ~ (
            '^ *(exact|trailing_blanks|whitespace|tokens|unordered_lines|unordered_tokens|numbers|regex)'
            '( +(ignore_case|(absolute|relative)='
            '([0-9]{1,9}([.][0-9]{1,9})?|[0-9]([.][0-9]{1,9})?[eE][+-]?[0-9]{1,2})))* *$')
        AND comparison !~ ' (ignore_case|absolute|relative).* \1'
        AND (comparison ~ '^ *numbers' OR comparison !~ '='));
COMMENT ON COLUMN submitter.assignments.comparison IS
    'When an output is right: exact, trailing_blanks, whitespace (also called tokens), unordered_lines, unordered_tokens, '
    'regex, or numbers absolute=1e-6 relative=1e-6 (either or both); and ignore_case after any of them. '
    'A final newline never matters.';
