CREATE OR REPLACE FUNCTION ledger_core.refuse_nonce(app text, nonce text)
RETURNS void
LANGUAGE plpgsql
STABLE
AS $$
BEGIN
    PERFORM ledger_core.refuse('nonce_conflict', jsonb_build_object('app', app, 'nonce', nonce));
END
$$;

COMMENT ON FUNCTION ledger_core.refuse_nonce IS
'Raises LG201: the nonce was used by a different request of the app.';
