-- requires: dropped/0.1_answers
CREATE OR REPLACE FUNCTION ledger_core.batch_refusal(
    "position" integer, sqlstate text, message text, detail text, hint text
)
RETURNS ledger.batch_row
LANGUAGE plpgsql
STABLE
AS $$
DECLARE
    v_result ledger.batch_row;
BEGIN
    v_result."position" := "position";
    v_result.message := message;
    v_result.detail := detail::jsonb;
    v_result.hint := hint;
    SELECT codes.code INTO STRICT v_result.code
    FROM ledger.error_codes AS codes
    WHERE codes.sqlstate = batch_refusal.sqlstate;
    RETURN v_result;
END
$$;

COMMENT ON FUNCTION ledger_core.batch_refusal IS
'The result of an item of a batch that an error refused, from the parts of the error.';
