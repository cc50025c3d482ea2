-- A breaker is one owner's, or of all owners of a lane together (an empty owner_id).
CREATE TABLE breaker_by_owner (
  provider TEXT NOT NULL,
  environment TEXT NOT NULL,
  owner_id BLOB NOT NULL,
  opened_at INTEGER NOT NULL,
  owners INTEGER NOT NULL,  -- whose refusals were counted when it opened
  PRIMARY KEY (provider, environment, owner_id)
) WITHOUT ROWID;
INSERT INTO breaker_by_owner SELECT provider, environment, x'', opened_at, 1 FROM breaker;
DROP TABLE breaker;
