-- What is due is found without a look at the rows, also where the rows of some owners are passed over.
DROP INDEX credential_due;
CREATE INDEX credential_due ON credential (provider, environment, next_check, owner_id, id) WHERE next_check IS NOT NULL;
