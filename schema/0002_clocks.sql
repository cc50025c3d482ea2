-- Elapsed time counts within a boot of the machine, not within a process: a restart loses none of it.
ALTER TABLE credential RENAME COLUMN pending_process TO pending_boot;
ALTER TABLE credential RENAME COLUMN outage_process TO outage_boot;

-- What lies too far ahead is looked for at every tick: those that may wait a day are left out of the index.
CREATE INDEX credential_far ON credential (provider, environment, next_check) WHERE next_check IS NOT NULL AND status <> 1;
