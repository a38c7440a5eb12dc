-- ledger.find looks entries up by their entry_id.
-- depends: 0012_clocks_that_were_set_back

DO $$
BEGIN
    IF to_regclass('ledger.entries_entry_id_idx') IS NULL AND pg_relation_size('ledger.entries') > 4 * 1024 ^ 3 THEN
        RAISE EXCEPTION USING
            MESSAGE = 'ledger.entries is too large to build an index while writers wait.',
            HINT = 'Run this first, outside a transaction: CREATE INDEX CONCURRENTLY entries_entry_id_idx ON ledger.entries '
            'USING brin (entry_id int8_minmax_multi_ops) WITH (autosummarize = on);';
    END IF;
END
$$;

-- Entries lie about in the order of their ids, so a summary of each stretch of the table is enough. Unlike a B-tree, it
-- costs an insert nothing that can be measured. multi: an id that lies elsewhere, where an aborted transaction has left
-- room, does not widen the summary.
CREATE INDEX IF NOT EXISTS entries_entry_id_idx ON ledger.entries
USING brin (entry_id int8_minmax_multi_ops) WITH (autosummarize = on);
