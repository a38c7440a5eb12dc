-- requires: dropped/0.1_answers
CREATE OR REPLACE FUNCTION ledger.entries_of(
    owner_id text,
    asset text DEFAULT 'CREDIT',
    before_seq bigint DEFAULT NULL,
    max_rows integer DEFAULT 50
)
RETURNS SETOF ledger.entry_row
LANGUAGE plpgsql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
-- A custom plan for each LIMIT would halve the number of calls per second.
SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
BEGIN
    PERFORM ledger_core.check_at_most('max_rows', entries_of.max_rows, ledger_core.max_page());
    RETURN QUERY
    SELECT (ledger_core.as_entry(entries)).*
    FROM ledger.entries
    WHERE owner_id = entries_of.owner_id AND asset = entries_of.asset
        AND seq < coalesce(entries_of.before_seq, 9223372036854775807)
    ORDER BY seq DESC
    LIMIT entries_of.max_rows;
    IF NOT FOUND THEN
        -- What has rows needs no check.
        PERFORM ledger_core.check_known_account(entries_of.owner_id, entries_of.asset);
    END IF;
END
$$;

COMMENT ON FUNCTION ledger.entries_of IS
'The entries of an account, newest first: at most max_rows (1 to 1000) of those before before_seq (null: from the
newest).
The seq of the last row is the next before_seq. No rows for an unknown owner. Raises LG001.';
