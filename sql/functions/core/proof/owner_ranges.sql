CREATE OR REPLACE FUNCTION ledger_core.owner_ranges()
RETURNS TABLE (after_owner text, until_owner text, accounts bigint)
LANGUAGE plpgsql
STABLE
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH owners AS (
        SELECT
            accounts.owner_id,
            count(*) AS accounts,
            -- An account takes about as long as three entries. After tampering, last_seq may be any number.
            sum(3 + greatest(accounts.last_seq, 0)::numeric) AS weight
        FROM ledger.accounts
        GROUP BY accounts.owner_id
    ),

    placed AS (
        SELECT
            owners.*,
            div(
                sum(owners.weight) OVER (ORDER BY owners.owner_id) - owners.weight, ledger_core.entries_per_range()
            ) AS place
        FROM owners
    ),

    ranges AS (
        SELECT
            max(placed.owner_id) AS last_owner,
            sum(placed.accounts)::bigint AS accounts,
            div(sum(placed.weight), 3 * ledger_core.entries_per_range()) AS excess
        FROM placed
        GROUP BY placed.place
    ),

    bounded AS (
        SELECT
            lag(ranges.last_owner) OVER by_owner AS after_owner,
            CASE WHEN lead(ranges.last_owner) OVER by_owner IS NOT NULL THEN ranges.last_owner END AS until_owner,
            ranges.accounts,
            ranges.excess
        FROM ranges
        WINDOW by_owner AS (ORDER BY ranges.last_owner)
    )

    SELECT bounded.after_owner::text, bounded.until_owner::text, bounded.accounts
    FROM bounded
    ORDER BY bounded.after_owner IS NOT NULL, bounded.excess DESC, bounded.after_owner;

    IF NOT found THEN
        RETURN QUERY SELECT NULL, NULL, 0::bigint;
    END IF;
END
$$;

COMMENT ON FUNCTION ledger_core.owner_ranges IS
'Consecutive ranges of owners that take about equally long to verify: the first has no beginning, the last no end.
Ordered as they should be begun: the first, which takes longer (verify_range), then those with an owner of very many
entries, then the others by owner.';
