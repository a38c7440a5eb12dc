CREATE OR REPLACE FUNCTION ledger_core.prepare_accounts(app text, entries jsonb, thorough boolean)
RETURNS text []
LANGUAGE plpgsql
AS $$
DECLARE
    v_unfit_nonces text [];
    v_locked bigint;
    v_made bigint := 0;
BEGIN
    LOOP
        BEGIN
            -- Accounts are always locked in the order of their keys.
            PERFORM 1 FROM ledger.accounts
            WHERE (accounts.owner_id, accounts.asset) IN (
                SELECT items.owner_id, items.asset
                FROM ledger_core.read_items(prepare_accounts.app, prepare_accounts.entries) AS items
            )
            ORDER BY accounts.owner_id, accounts.asset
            FOR NO KEY UPDATE OF accounts;
            GET DIAGNOSTICS v_locked = ROW_COUNT;

            v_unfit_nonces := ledger_core.unfit_nonces(prepare_accounts.app, prepare_accounts.entries, thorough);
            IF thorough THEN
                v_made := ledger_core.make_accounts(prepare_accounts.app, prepare_accounts.entries, v_unfit_nonces);
            END IF;

            IF v_locked + v_made < (
                SELECT count(*) FROM ledger.accounts
                WHERE (accounts.owner_id, accounts.asset) IN (
                    SELECT items.owner_id, items.asset
                    FROM ledger_core.read_items(prepare_accounts.app, prepare_accounts.entries) AS items
                )
            ) THEN
                RAISE cardinality_violation;
            END IF;
            EXIT;
        EXCEPTION
            WHEN cardinality_violation THEN
                NULL; -- Somebody has made accounts meanwhile; to lock those now would be out of order.
        END;
    END LOOP;
    RETURN v_unfit_nonces;
END
$$;

COMMENT ON FUNCTION ledger_core.prepare_accounts(text, jsonb, boolean) IS
'Locks the accounts of a batch and, if thorough, makes those that are missing and sure to be needed. Returns ledger_core.unfit_nonces.';
