CREATE FUNCTION ledger_front.only_on_partitions(what text, instead text)
RETURNS boolean
LANGUAGE plpgsql
VOLATILE
AS $$
BEGIN
    RAISE EXCEPTION USING
        ERRCODE = 'feature_not_supported',
        MESSAGE = format('A front does not have %s.', what),
        HINT = instead;
END
$$;

COMMENT ON FUNCTION ledger_front.only_on_partitions IS
'Raises 0A000 for what makes no sense over all partitions. what: its name. instead: what to do, a sentence.';
