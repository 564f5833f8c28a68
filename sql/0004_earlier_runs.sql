-- A case that was too slow while the machine was short of processors is run once more; both runs are kept.

ALTER TABLE submitter.case_results
    ADD COLUMN starved_s double precision NOT NULL DEFAULT 0,
    ADD COLUMN earlier jsonb;
COMMENT ON COLUMN submitter.case_results.starved_s IS
    'Seconds for which the program could have run and no processor was free.';
COMMENT ON COLUMN submitter.case_results.earlier IS
    'Of a case that was run twice, the run that does not count: ending, cpu_time_s, wall_time_s, starved_s.';
