CREATE OR REPLACE FUNCTION ledger.statement_by_spender(
    owner_id text,
    since timestamptz,
    until timestamptz DEFAULT NULL,
    asset text DEFAULT 'CREDIT',
    after_spender text DEFAULT NULL,
    max_rows integer DEFAULT 1000
)
RETURNS TABLE (spender text, entry_count bigint, spent bigint, given_back bigint)
LANGUAGE plpgsql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    v_period record;
BEGIN
    PERFORM ledger_core.check_at_most('max_rows', statement_by_spender.max_rows, ledger_core.max_page());
    SELECT * INTO v_period
    FROM ledger_core.period_bounds(
        statement_by_spender.owner_id, statement_by_spender.asset, statement_by_spender.since, statement_by_spender.until
    );
    RETURN QUERY
    SELECT
        entries.spender::text,
        count(*),
        coalesce(-sum(entries.amount) FILTER (WHERE entries.amount < 0), 0)::bigint,
        coalesce(sum(entries.amount) FILTER (WHERE entries.amount > 0), 0)::bigint
    FROM ledger.entries
    WHERE entries.owner_id = statement_by_spender.owner_id AND entries.asset = statement_by_spender.asset
        AND entries.seq > v_period.after_seq AND entries.seq <= v_period.last_seq
        AND entries.spender > coalesce(statement_by_spender.after_spender, '')
    GROUP BY entries.spender
    ORDER BY entries.spender
    LIMIT statement_by_spender.max_rows;
END
$$;

COMMENT ON FUNCTION ledger.statement_by_spender IS
'What each spender of an account moved from since (included) to until (excluded; null, or later than now: now), in the order
of their names: the number of entries, the sum of their debits (spent), and of their credits (given_back: reversals, and what
else names the spender), both as positive numbers of whole units. Entries without a spender are in ledger.statement only.
after_spender: only spenders after this one, the last of the page before. max_rows: 1 to 1000. Raises LG001.';
