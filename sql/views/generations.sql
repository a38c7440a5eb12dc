-- A generation is a stretch of one history of transaction ids. An entry's generation follows from its entry_id, so
-- recording pays nothing for it.
CREATE OR REPLACE VIEW ledger.generations AS
SELECT
    begun.generation,
    begun.first_entry_id,
    lead(begun.first_entry_id) OVER (ORDER BY begun.generation) AS end_entry_id,
    begun.first_xact_id,
    begun.begun_at,
    begun.begun_by,
    begun.reason
FROM (
    SELECT
        1 AS generation,
        0::bigint AS first_entry_id,
        '0'::xid8 AS first_xact_id,
        NULL::timestamptz AS begun_at,
        NULL::text AS begun_by,
        NULL::text AS reason
    UNION ALL
    SELECT
        (changes.rule ->> 'generation')::integer,
        (changes.rule ->> 'first_entry_id')::bigint,
        (changes.rule ->> 'first_xact_id')::xid8,
        changes.changed_at,
        changes.changed_by,
        changes.rule ->> 'reason'
    FROM ledger.operation_changes AS changes
    WHERE changes.change = 'generation'
) AS begun;

COMMENT ON VIEW ledger.generations IS
'The generations of transaction ids: 1 from the beginning, and one more after each ledger.begin_generation.
To a generation belong the entries from first_entry_id to before end_entry_id, the lines of journals since begun_at, and
the transactions from first_xact_id on.';
