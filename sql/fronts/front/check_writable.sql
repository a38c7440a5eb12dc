-- Partitions do not know of the setting of a caller of the front.
CREATE FUNCTION ledger_front.check_writable(what text)
RETURNS void
LANGUAGE plpgsql
STABLE
AS $$
BEGIN
    IF current_setting('transaction_read_only')::boolean THEN
        RAISE EXCEPTION USING
            ERRCODE = 'read_only_sql_transaction',
            MESSAGE = format('cannot execute %s in a read-only transaction', what);
    END IF;
END
$$;

COMMENT ON FUNCTION ledger_front.check_writable IS
'Raises 25006 if the transaction of the caller is read-only. what: the function that writes.';
