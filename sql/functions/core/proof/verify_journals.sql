CREATE OR REPLACE FUNCTION ledger_core.verify_journals(first text, last text, included boolean)
RETURNS SETOF ledger.discrepancy
LANGUAGE plpgsql
STABLE
AS $$
DECLARE
    v_latest timestamptz := ledger_core.clock() + ledger_core.clock_tolerance();
BEGIN
    RETURN QUERY
    SELECT
        checks.problem, chained.journal, CASE WHEN chained.of_account THEN chained.owner_id END,
        CASE WHEN chained.of_account THEN chained.asset END, chained.seq,
        chained.line || jsonb_build_object('expected', checks.expected, 'found', checks.found)
    FROM (
        SELECT
            journals.*,
            lag(journals.number, 1, 0::bigint) OVER chain + 1 AS expected_number,
            ledger_core.chain_hash(
                lag(journals.hash, 1, ledger_core.zero_hash()) OVER chain, journals.line_bytes
            ) AS expected_hash
        FROM ledger_core.journals
        WHERE ledger_core.owner_in_range(journals.owner_id, first, last, included)
        WINDOW chain AS (PARTITION BY journals.journal, journals.owner_id, journals.asset ORDER BY journals.number)
    ) AS chained
    CROSS JOIN LATERAL (
        VALUES
        ('number not in order', chained.expected_number::text, chained.number::text),
        ('of the future', least(v_latest, chained.at)::text, chained.at::text),
        ('hash wrong', encode(chained.expected_hash, 'hex'), encode(chained.hash, 'hex'))
    ) AS checks (problem, expected, found)
    WHERE checks.expected IS DISTINCT FROM checks.found;
END
$$;

COMMENT ON FUNCTION ledger_core.verify_journals IS
'Lines of the journals whose number or hash does not follow from the line before, or that lie in the future.
The journal of the catalogue has the empty text as its owner, which sorts before all others.';
