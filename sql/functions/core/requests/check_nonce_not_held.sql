CREATE OR REPLACE FUNCTION ledger_core.check_nonce_not_held(app text, nonce text, owner_id text)
RETURNS void
LANGUAGE plpgsql
STABLE
AS $$
#variable_conflict use_column
BEGIN
    IF EXISTS (
        SELECT 1 FROM ledger.holds
        WHERE app = check_nonce_not_held.app AND nonce = check_nonce_not_held.nonce
            AND owner_id <> check_nonce_not_held.owner_id
    ) THEN
        PERFORM ledger_core.refuse_nonce(check_nonce_not_held.app, check_nonce_not_held.nonce);
    END IF;
END
$$;

COMMENT ON FUNCTION ledger_core.check_nonce_not_held IS
'Raises LG201 if the nonce is that of another owner''s hold; the owner''s own are looked up under the lock.';
