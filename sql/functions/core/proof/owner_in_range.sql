-- Inlined by the planner, so that it becomes a condition on the index. It belongs to every table of a query that has the
-- owner, joined ones as well: else the planner may prefer to read these as a whole, again for each range.
CREATE OR REPLACE FUNCTION ledger_core.owner_in_range(owner_id text, first text, last text, included boolean)
RETURNS boolean
LANGUAGE sql
IMMUTABLE
AS $$
SELECT
    owner_id COLLATE "C" >= first AND (included OR owner_id COLLATE "C" > first)
    AND owner_id COLLATE "C" <= coalesce(last, repeat(chr(1114111), 256))
$$;

COMMENT ON FUNCTION ledger_core.owner_in_range IS
'True if the owner sorts after first (or is first, if included) and not after last (null: no end).';
