CREATE OR REPLACE FUNCTION ledger_core.prepare_accounts(app text, entries jsonb, thorough boolean)
RETURNS text []
LANGUAGE plpgsql
AS $$
DECLARE
    v_owners text [];
    v_assets text [];
    v_singly text [];
    v_locked bigint;
    v_made bigint := 0;
BEGIN
    SELECT array_agg(keys.owner_id), array_agg(keys.asset)
    INTO v_owners, v_assets
    FROM (
        SELECT DISTINCT items.owner_id, items.asset
        FROM ledger_core.read_items(prepare_accounts.app, prepare_accounts.entries) AS items
        WHERE items.owner_id IS NOT NULL AND items.asset IS NOT NULL
    ) AS keys;

    LOOP
        BEGIN
            -- Lock accounts in the order of their keys, as everywhere.
            PERFORM 1 FROM ledger.accounts
            WHERE (accounts.owner_id, accounts.asset) IN (SELECT * FROM unnest(v_owners, v_assets))
            ORDER BY accounts.owner_id, accounts.asset
            FOR NO KEY UPDATE OF accounts;
            GET DIAGNOSTICS v_locked = ROW_COUNT;

            v_singly := ledger_core.nonces_to_record_singly(prepare_accounts.app, prepare_accounts.entries, thorough);
            IF thorough THEN
                v_made := ledger_core.create_accounts(prepare_accounts.app, prepare_accounts.entries, v_singly);
            END IF;

            EXIT WHEN v_locked + v_made = cardinality(v_owners) OR v_locked + v_made = (
                SELECT count(*) FROM ledger.accounts
                WHERE (accounts.owner_id, accounts.asset) IN (SELECT * FROM unnest(v_owners, v_assets))
            );
            RAISE cardinality_violation;
        EXCEPTION
            WHEN cardinality_violation THEN
                NULL; -- Accounts were created meanwhile. Locking those now would be out of order: begin again.
        END;
    END LOOP;
    RETURN v_singly;
END
$$;

COMMENT ON FUNCTION ledger_core.prepare_accounts IS
'Locks the accounts of a batch and, if thorough, creates those that are missing and sure to be needed.
Returns ledger_core.nonces_to_record_singly.
thorough: also look for nonces that entries have used or that come twice.';
