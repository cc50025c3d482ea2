-- Times are microseconds since 1970, UTC. Ids are 16 bytes. Secrets are sealed before they come here.

CREATE TABLE setting (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;

CREATE TABLE ring_key (version INTEGER PRIMARY KEY, wrapped BLOB NOT NULL, created INTEGER NOT NULL);

CREATE TABLE owner (
  id BLOB NOT NULL UNIQUE,
  email TEXT NOT NULL UNIQUE,
  password_hash TEXT NOT NULL,
  password_epoch INTEGER NOT NULL
);

CREATE TABLE leaf_user (
  id BLOB NOT NULL UNIQUE,
  owner_id BLOB NOT NULL,
  name TEXT, email TEXT, phone TEXT, address TEXT, external_id TEXT,
  created INTEGER NOT NULL
);
CREATE INDEX leaf_user_by_age ON leaf_user (owner_id, created, id);
CREATE INDEX leaf_user_by_external_id ON leaf_user (owner_id, external_id) WHERE external_id IS NOT NULL;
CREATE INDEX leaf_user_by_email ON leaf_user (owner_id, email) WHERE email IS NOT NULL;

CREATE TABLE credential (
  row INTEGER PRIMARY KEY,
  id BLOB NOT NULL UNIQUE,
  owner_id BLOB NOT NULL,
  leaf_user_id BLOB,        -- null: unlinked
  last_leaf_user_id BLOB NOT NULL,
  unlinked_since INTEGER,
  provider TEXT NOT NULL,
  environment TEXT NOT NULL,
  created INTEGER NOT NULL,
  -- sealed; each version number moves with what it names
  fields_version INTEGER NOT NULL,
  state_version INTEGER NOT NULL,
  link_version INTEGER NOT NULL,
  fields BLOB NOT NULL,
  fields_key BLOB NOT NULL,
  events_key BLOB,          -- null until the first event after a link
  origin TEXT NOT NULL,
  spending BLOB,            -- digest of the token about to be sent
  candidate BLOB,           -- PUT's fields while the provider is asked
  candidate_sent INTEGER NOT NULL DEFAULT 0,  -- 1: sent; 2: what a refresh gave for it is in it
  -- health (domain/check_state.hpp)
  status INTEGER NOT NULL,
  since INTEGER NOT NULL,
  reason INTEGER,
  last_checked INTEGER,
  next_check INTEGER,
  pending INTEGER NOT NULL DEFAULT 0,
  pending_wall INTEGER, pending_steady INTEGER, pending_process INTEGER,
  refusals INTEGER NOT NULL DEFAULT 0,
  outages INTEGER NOT NULL DEFAULT 0,
  outage_wall INTEGER, outage_steady INTEGER, outage_process INTEGER,
  failures INTEGER NOT NULL DEFAULT 0,
  outcome_unknown INTEGER NOT NULL DEFAULT 0,
  suspected INTEGER NOT NULL DEFAULT 0,
  turned_by_check INTEGER NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX credential_of_user ON credential (leaf_user_id, provider) WHERE leaf_user_id IS NOT NULL;
CREATE INDEX credential_due ON credential (provider, environment, next_check) WHERE next_check IS NOT NULL;
CREATE INDEX credential_by_change ON credential (owner_id, since DESC, id) WHERE leaf_user_id IS NOT NULL;
CREATE INDEX credential_by_status ON credential (owner_id, status, since DESC, id) WHERE leaf_user_id IS NOT NULL;
CREATE INDEX credential_pending ON credential (provider, environment, pending_wall) WHERE pending <> 0;
CREATE INDEX credential_by_health ON credential (provider, status) WHERE leaf_user_id IS NOT NULL;
CREATE INDEX credential_candidate ON credential (candidate_sent) WHERE candidate IS NOT NULL;
CREATE INDEX credential_unlinked ON credential (unlinked_since) WHERE unlinked_since IS NOT NULL;
CREATE INDEX credential_last_user ON credential (last_leaf_user_id) WHERE leaf_user_id IS NULL;

CREATE TABLE day_key (day INTEGER PRIMARY KEY, wrapped BLOB NOT NULL);

CREATE TABLE event_segment (
  credential INTEGER NOT NULL,
  day INTEGER NOT NULL,
  number INTEGER NOT NULL,  -- within the day
  count INTEGER NOT NULL,
  data BLOB NOT NULL,
  PRIMARY KEY (credential, day, number)
) WITHOUT ROWID;
CREATE INDEX event_segment_by_day ON event_segment (day);

CREATE TABLE event_content (
  credential INTEGER NOT NULL,
  number INTEGER NOT NULL,
  digest BLOB NOT NULL,
  last_day INTEGER NOT NULL,
  data BLOB NOT NULL,
  PRIMARY KEY (credential, number)
) WITHOUT ROWID;
CREATE UNIQUE INDEX event_content_by_digest ON event_content (credential, digest);
CREATE INDEX event_content_by_day ON event_content (last_day);

CREATE TABLE breaker (
  provider TEXT NOT NULL,
  environment TEXT NOT NULL,
  opened_at INTEGER NOT NULL,
  successes INTEGER NOT NULL,
  PRIMARY KEY (provider, environment)
) WITHOUT ROWID;
