CREATE OR REPLACE FUNCTION ledger_core.heads_digest(horizon xid8)
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
BEGIN
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
                AND entries.xact_id < heads_digest.horizon
            ORDER BY entries.seq DESC
            LIMIT 1
        ) AS newest
    ) AS heads;

    -- Add a new journal at the end: then the digests of earlier checkpoints stay valid.
    FOREACH v_journal IN ARRAY ARRAY['operator_actions', 'operation_changes', 'hold_events'] LOOP
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
            WHERE journals.journal = v_journal AND journals.xact_id < heads_digest.horizon
            ORDER BY journals.owner_id, journals.asset, journals.number DESC
        ) AS heads;
    END LOOP;

    RETURN QUERY SELECT encode(v_digest, 'hex'), v_accounts, v_entries;
END
$$;

COMMENT ON FUNCTION ledger_core.heads_digest IS
'The digest of a checkpoint, with the number of accounts and entries. It covers the newest entry, operator action and
hold event of every account and the newest change of the catalogue, as of the transactions before the horizon.';
