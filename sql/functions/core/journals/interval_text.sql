CREATE OR REPLACE FUNCTION ledger_core.interval_text(span interval)
RETURNS text
LANGUAGE plpgsql
STABLE
SET intervalstyle = 'postgres'
AS $$
BEGIN
    RETURN span::text;
END
$$;

COMMENT ON FUNCTION ledger_core.interval_text IS
'An interval as text, the same in every session.';
