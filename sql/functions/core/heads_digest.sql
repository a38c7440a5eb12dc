CREATE OR REPLACE FUNCTION ledger_core.heads_digest(horizon xid8)
RETURNS TABLE (digest text, accounts bigint, entries bigint)
LANGUAGE plpgsql
STABLE
AS $$
#variable_conflict use_column
DECLARE
    v_digest bytea := decode(repeat('00', 32), 'hex');
    v_accounts bigint;
    v_entries bigint;
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
        -- Backwards from the head: no need to read what is older than the horizon.
        CROSS JOIN LATERAL (
            SELECT entries.seq, entries.hash
            FROM ledger.entries
            WHERE entries.owner_id = accounts.owner_id AND entries.asset = accounts.asset
                AND entries.xact_id < heads_digest.horizon
            ORDER BY entries.seq DESC
            LIMIT 1
        ) AS newest
    ) AS heads;

    SELECT
        coalesce(
            ledger_core.chain(
                v_digest,
                ledger_core.text_bytes(
                    'operator_actions,' || length(heads.owner_id)::text || ':' || heads.owner_id || ',' || heads.asset
                    || ',' || heads.action_seq::text || ','
                ) || heads.hash
                ORDER BY heads.owner_id, heads.asset
            ),
            v_digest
        )
    INTO v_digest
    FROM (
        SELECT DISTINCT ON (actions.owner_id, actions.asset)
            actions.owner_id, actions.asset, actions.action_seq, actions.hash
        FROM ledger.operator_actions AS actions
        WHERE actions.xact_id < heads_digest.horizon
        ORDER BY actions.owner_id, actions.asset, actions.action_seq DESC
    ) AS heads;

    SELECT
        coalesce(
            ledger_core.chain(
                v_digest,
                ledger_core.text_bytes('operation_changes,' || heads.change_id::text || ',') || heads.hash
            ),
            v_digest
        )
    INTO v_digest
    FROM (
        SELECT changes.change_id, changes.hash
        FROM ledger.operation_changes AS changes
        WHERE changes.xact_id < heads_digest.horizon
        ORDER BY changes.change_id DESC
        LIMIT 1
    ) AS heads;

    RETURN QUERY SELECT encode(v_digest, 'hex'), v_accounts, v_entries;
END
$$;

COMMENT ON FUNCTION ledger_core.heads_digest(xid8) IS
'SHA-256 chain over the newest entry and the newest operator action of every account and the newest change of the catalogue (names, number and hash), among those of transactions before the horizon, in the order of the keys; with the number of accounts and entries.';
