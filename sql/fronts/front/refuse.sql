CREATE FUNCTION ledger_front.refuse(code text, detail jsonb)
RETURNS void
LANGUAGE plpgsql
STABLE
AS $$
DECLARE
    v_error record;
BEGIN
    SELECT * INTO STRICT v_error FROM ledger.error_codes AS known WHERE known.code = refuse.code;
    RAISE EXCEPTION USING
        ERRCODE = v_error.sqlstate, MESSAGE = v_error.message, DETAIL = refuse.detail::text, HINT = v_error.advice;
END
$$;

COMMENT ON FUNCTION ledger_front.refuse IS
'Raises the refusal named by code (ledger.error_codes), as ledger_core.refuse does on a ledger. Never returns.';
