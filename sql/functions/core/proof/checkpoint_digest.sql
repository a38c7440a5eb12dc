-- requires: views/generations
CREATE OR REPLACE FUNCTION ledger_core.checkpoint_digest(generation integer, horizon xid8)
RETURNS TABLE (digest text, accounts bigint, entries bigint)
LANGUAGE plpgsql
STABLE
AS $$
#variable_conflict use_column
DECLARE
    v_digest bytea := ledger_core.zero_hash();
    v_accounts bigint;
    v_entries bigint;
    v_journal text;
    v_of record;
BEGIN
    SELECT first_entry_id, end_entry_id, begun_at, first_xact_id INTO STRICT v_of
    FROM ledger.generations WHERE generations.generation = checkpoint_digest.generation;

    SELECT
        coalesce(
            ledger_core.chain(
                v_digest,
                ledger_core.text_bytes(
                    'entries,' || length(heads.owner_id)::text || ':' || heads.owner_id || ',' || heads.asset
                    || ',' || heads.seq::text || ','
                ) || heads.hash
                ORDER BY heads.owner_id, heads.asset
            ),
            v_digest
        ),
        count(*),
        coalesce(sum(heads.seq), 0)
    INTO v_digest, v_accounts, v_entries
    FROM (
        SELECT accounts.owner_id, accounts.asset, newest.seq, newest.hash
        FROM ledger.accounts
        -- Backwards from the head, so that older entries of the account are not read.
        CROSS JOIN LATERAL (
            SELECT entries.seq, entries.hash
            FROM ledger.entries
            WHERE entries.owner_id = accounts.owner_id AND entries.asset = accounts.asset
                AND (v_of.end_entry_id IS NULL OR entries.entry_id < v_of.end_entry_id)
                AND (entries.xact_id < checkpoint_digest.horizon OR entries.entry_id < v_of.first_entry_id)
            ORDER BY entries.seq DESC
            LIMIT 1
        ) AS newest
    ) AS heads;

    -- Add a new journal at the end: then the digests of earlier checkpoints stay valid.
    FOREACH v_journal IN ARRAY ARRAY['operator_actions', 'operation_changes', 'hold_events', 'allowance_events'] LOOP
        WITH later AS MATERIALIZED (
            SELECT begun_at, first_xact_id FROM ledger.generations
            WHERE generations.generation > checkpoint_digest.generation
        )

        SELECT
            coalesce(
                ledger_core.chain(
                    v_digest,
                    ledger_core.text_bytes(
                        v_journal || ','
                        || CASE
                            WHEN heads.of_account
                                THEN length(heads.owner_id)::text || ':' || heads.owner_id || ',' || heads.asset || ','
                            ELSE ''
                        END
                        || heads.number::text || ','
                    ) || heads.hash
                    ORDER BY heads.owner_id, heads.asset
                ),
                v_digest
            )
        INTO v_digest
        FROM (
            SELECT DISTINCT ON (journals.owner_id, journals.asset)
                journals.of_account, journals.owner_id, journals.asset, journals.number, journals.hash
            FROM ledger_core.journals
            WHERE journals.journal = v_journal
                AND NOT EXISTS (
                    SELECT 1 FROM later
                    WHERE journals.at >= later.begun_at AND journals.xact_id >= later.first_xact_id
                )
                AND (
                    journals.xact_id < checkpoint_digest.horizon
                    OR NOT (journals.at >= v_of.begun_at AND journals.xact_id >= v_of.first_xact_id)
                )
            ORDER BY journals.owner_id, journals.asset, journals.number DESC
        ) AS heads;
    END LOOP;

    RETURN QUERY SELECT encode(v_digest, 'hex'), v_accounts, v_entries;
END
$$;

COMMENT ON FUNCTION ledger_core.checkpoint_digest IS
'The digest of a checkpoint, with the number of accounts and entries. It covers the newest entry, operator action,
hold event and allowance event of every account and the newest change of the catalogue, as of the transactions of earlier generations, and
those of this one before the horizon.';
