-- What lies in the bucket, known without asking it: a result is written only over the one that is recorded here.

ALTER TABLE submitter.submissions ADD COLUMN results_version text;
COMMENT ON COLUMN submitter.submissions.results_version IS
    'Of the results.json that published_attempt wrote, as the bucket names it; empty: not known; NULL: none was written.';
UPDATE submitter.submissions SET results_version = '' WHERE published_attempt IS NOT NULL;
