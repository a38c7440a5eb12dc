CREATE FUNCTION ledger_front.unless_unknown(number integer, answer ledger.batch_row)
RETURNS SETOF ledger.batch_row
LANGUAGE plpgsql
STABLE
AS $$
BEGIN
    -- The lost attempt may still be under way. The books refuse it or not; the fault of a request refuses any attempt.
    IF answer.code IS NULL OR EXISTS (
        SELECT FROM ledger.error_codes AS codes WHERE codes.code = answer.code AND codes.http_status IN (421, 422)
    ) THEN
        RETURN NEXT answer;
    ELSE
        RETURN QUERY SELECT * FROM ledger_front.unavailable_items(number, ARRAY[answer.position]::text);
    END IF;
END
$$;

COMMENT ON FUNCTION ledger_front.unless_unknown IS
'The result of an item of a batch of which an earlier attempt was lost: answer, or partition_unavailable where that refuses
for the state of the books, since the lost attempt may be recorded nevertheless. number: the partition that answered.';
