-- Where a refresh token stands (domain/grant.hpp) takes the place of the digest that was noted and of the mark of its unknown outcome.
ALTER TABLE credential ADD COLUMN grant_state INTEGER NOT NULL DEFAULT 0;
UPDATE credential SET grant_state = CASE WHEN spending IS NOT NULL THEN 1 ELSE 2 END WHERE spending IS NOT NULL OR outcome_unknown <> 0;
ALTER TABLE credential DROP COLUMN spending;
ALTER TABLE credential DROP COLUMN outcome_unknown;
DROP INDEX credential_candidate;
ALTER TABLE credential RENAME COLUMN candidate_sent TO candidate_state;
CREATE INDEX credential_candidate ON credential (provider, environment, candidate_state) WHERE candidate IS NOT NULL;
CREATE INDEX credential_under_way ON credential (row) WHERE grant_state IN (1, 3, 5);

-- Which write was the last: one that is tried again after a failure changes nothing.
ALTER TABLE credential ADD COLUMN last_write INTEGER NOT NULL DEFAULT 0;
ALTER TABLE credential DROP COLUMN state_version;

-- Health (domain/credential_health.hpp).
ALTER TABLE credential ADD COLUMN was_last_ok INTEGER NOT NULL DEFAULT 0;
ALTER TABLE credential ADD COLUMN status_cause INTEGER;
ALTER TABLE credential ADD COLUMN answer_cause INTEGER;
ALTER TABLE credential ADD COLUMN due_cause INTEGER;
ALTER TABLE credential ADD COLUMN last_success INTEGER;
ALTER TABLE credential ADD COLUMN proved_by INTEGER;
ALTER TABLE credential ADD COLUMN failures_in_row INTEGER NOT NULL DEFAULT 0;
ALTER TABLE credential ADD COLUMN held_wall INTEGER;
ALTER TABLE credential ADD COLUMN held_steady INTEGER;
ALTER TABLE credential ADD COLUMN held_boot INTEGER;
ALTER TABLE credential ADD COLUMN access_ends INTEGER;
ALTER TABLE credential ADD COLUMN grant_ends INTEGER;
ALTER TABLE credential ADD COLUMN retry_at INTEGER;
ALTER TABLE credential ADD COLUMN action INTEGER;
UPDATE credential SET was_last_ok = (status = 0 OR (status = 3 AND (turned_by_check OR suspected))),
  status_cause = CASE WHEN turned_by_check THEN 3 ELSE 0 END,
  answer_cause = CASE WHEN last_checked IS NULL THEN NULL WHEN answered_connect THEN 0 ELSE 3 END,
  last_success = CASE WHEN status = 0 THEN last_checked END,
  failures_in_row = failures;
-- As action_for (domain/status.cpp): null, wait, reconnect, fix_application, grant_permission, operator.
UPDATE credential SET action = CASE WHEN reason IS NULL THEN NULL WHEN reason IN (12, 13) THEN 4 WHEN status = 1 THEN 1
  WHEN status = 2 THEN 3 WHEN reason = 14 THEN 1 ELSE 0 END;
CREATE INDEX credential_by_action ON credential (owner_id, action, since DESC, id) WHERE leaf_user_id IS NOT NULL AND action IS NOT NULL;
CREATE INDEX credential_by_reason ON credential (owner_id, reason, since DESC, id) WHERE leaf_user_id IS NOT NULL AND reason IS NOT NULL;
CREATE INDEX credential_by_end ON credential (owner_id, grant_ends) WHERE leaf_user_id IS NOT NULL AND grant_ends IS NOT NULL;
-- Counts of one owner's, and the last success of each lane, from the index alone.
CREATE INDEX credential_of_lane ON credential (owner_id, provider, environment, status, last_success, leaf_user_id) WHERE leaf_user_id IS NOT NULL;
ALTER TABLE credential DROP COLUMN turned_by_check;
ALTER TABLE credential DROP COLUMN answered_connect;
ALTER TABLE credential DROP COLUMN failures;
CREATE INDEX credential_last_checked ON credential (provider, environment, last_checked) WHERE leaf_user_id IS NOT NULL;
CREATE INDEX credential_unanswered ON credential (row) WHERE answer_cause IS NULL;

-- Keyed digests of a password's login and of all that is sent with it: who shares its tries (domain/shared_tries.hpp).
ALTER TABLE credential ADD COLUMN login_digest BLOB;
ALTER TABLE credential ADD COLUMN sent_digest BLOB;
CREATE INDEX credential_by_login ON credential (owner_id, login_digest) WHERE login_digest IS NOT NULL;

-- Every change of a status, written in the commit that makes it and numbered in the order of the commits.
CREATE TABLE history (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  credential INTEGER NOT NULL,
  time INTEGER NOT NULL,
  from_status INTEGER,      -- null: the first
  to_status INTEGER NOT NULL,
  reason INTEGER,
  cause INTEGER NOT NULL,
  superseded INTEGER NOT NULL DEFAULT 0  -- 1: a later row of the credential stands after it, so it may go when it is old
);
CREATE UNIQUE INDEX history_of_credential ON history (credential, time);
CREATE INDEX history_by_age ON history (time) WHERE superseded;
INSERT INTO history (credential, time, from_status, to_status, reason, cause) SELECT row, since, NULL, status, reason, 0 FROM credential;

-- Keyed digests of what a credential holds, has spent, or has replaced (store/credential_write.hpp).
CREATE TABLE secret_digest (
  owner_id BLOB NOT NULL,
  digest BLOB NOT NULL,
  credential INTEGER NOT NULL,
  kind INTEGER NOT NULL,    -- 0: held, 1: held by the candidate, 2: spent, 3: replaced
  since INTEGER NOT NULL,
  PRIMARY KEY (owner_id, digest, credential, kind)
) WITHOUT ROWID;
CREATE INDEX secret_digest_of_credential ON secret_digest (credential, kind, since);

-- What turned since then is taken back, also by a server that was killed in between.
ALTER TABLE breaker_by_owner ADD COLUMN window_start INTEGER NOT NULL DEFAULT 0;
UPDATE breaker_by_owner SET window_start = opened_at;

-- A fuse (domain/fuse.hpp) is one owner's, or of all owners of a lane together (an empty owner_id).
CREATE TABLE fuse (
  provider TEXT NOT NULL,
  environment TEXT NOT NULL,
  owner_id BLOB NOT NULL,
  blown_at INTEGER,         -- null: intact
  reason INTEGER NOT NULL,
  trials INTEGER NOT NULL,
  last_trial INTEGER,
  latest BLOB NOT NULL,     -- pack_latest
  PRIMARY KEY (provider, environment, owner_id)
) WITHOUT ROWID;
