# A keyword as a target.
None = 3
