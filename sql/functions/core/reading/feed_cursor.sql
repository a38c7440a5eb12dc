CREATE OR REPLACE FUNCTION ledger_core.feed_cursor(generation integer, entry ledger.entries)
RETURNS text
LANGUAGE sql
STABLE
AS $$
SELECT format('%s-%s-%s-%s', generation, entry.xact_id, entry.entry_id, left(encode(entry.hash, 'hex'), 8))
$$;

COMMENT ON FUNCTION ledger_core.feed_cursor IS
'The cursor of an entry in the change feed: its position, and a part of its hash, so that the entry can be told from one
that another history has in its place.';
