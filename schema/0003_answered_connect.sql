-- What was last heard of a credential answered a POST or PUT: that is no check, and stands in no breaker's window.
ALTER TABLE credential ADD COLUMN answered_connect INTEGER NOT NULL DEFAULT 0;
