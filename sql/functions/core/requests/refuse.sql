-- The only place that raises a refusal.
CREATE OR REPLACE FUNCTION ledger_core.refuse(
    code text,
    detail jsonb DEFAULT '{}',
    hint text DEFAULT NULL
)
RETURNS void
LANGUAGE plpgsql
STABLE
AS $$
DECLARE
    v_error record;
BEGIN
    SELECT * INTO STRICT v_error FROM ledger.error_codes AS known WHERE known.code = refuse.code;
    RAISE EXCEPTION USING
        ERRCODE = v_error.sqlstate,
        MESSAGE = v_error.message,
        DETAIL = refuse.detail::text,
        HINT = coalesce(refuse.hint, v_error.advice);
END
$$;

COMMENT ON FUNCTION ledger_core.refuse IS
'Raises the refusal named by code (ledger.error_codes) with its SQLSTATE and constant message; detail has the values, hint
replaces the usual advice. Never returns.';
