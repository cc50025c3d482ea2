-- Lists are walks along an index, whatever they are sorted or filtered by. Users of one key stand oldest first in both directions,
-- so each direction has its own: read backwards, the first would give the youngest of one name first.
DROP INDEX leaf_user_by_email;
DROP INDEX leaf_user_by_external_id;
CREATE INDEX leaf_user_by_id ON leaf_user (owner_id, id);
CREATE INDEX leaf_user_by_youth ON leaf_user (owner_id, created DESC, id);
CREATE INDEX leaf_user_by_name ON leaf_user (owner_id, name, created, id);
CREATE INDEX leaf_user_by_name_down ON leaf_user (owner_id, name DESC, created, id);
CREATE INDEX leaf_user_by_email ON leaf_user (owner_id, email, created, id);
CREATE INDEX leaf_user_by_email_down ON leaf_user (owner_id, email DESC, created, id);
CREATE INDEX leaf_user_by_external_id ON leaf_user (owner_id, external_id, created, id);
CREATE INDEX leaf_user_by_external_id_down ON leaf_user (owner_id, external_id DESC, created, id);

-- The status stands last so that both filters together read no row of the table that they leave out.
CREATE INDEX credential_by_provider ON credential (owner_id, provider, since DESC, id, status) WHERE leaf_user_id IS NOT NULL;

-- Counts of all credentials by status are taken from the index alone.
DROP INDEX credential_by_health;
CREATE INDEX credential_by_health ON credential (provider, environment, status, since) WHERE leaf_user_id IS NOT NULL;
