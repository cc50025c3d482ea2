-- From where an owner has logged in: whoever fails again and again under the owner's name locks nobody out there.
CREATE TABLE owner_network (
  owner_id BLOB NOT NULL,
  network TEXT NOT NULL,    -- an address, or a /64 of IPv6
  last_login INTEGER NOT NULL,
  PRIMARY KEY (owner_id, network)
) WITHOUT ROWID;
