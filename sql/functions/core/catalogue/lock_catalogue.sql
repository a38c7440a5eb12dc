CREATE OR REPLACE FUNCTION ledger_core.lock_catalogue()
RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
    -- With a snapshot older than the lock, the checks at commit could not see concurrent changes.
    IF current_setting('transaction_isolation') = 'repeatable read' THEN
        RAISE serialization_failure USING
            MESSAGE = 'The catalogue cannot be changed in a REPEATABLE READ transaction.',
            HINT = 'Use READ COMMITTED or SERIALIZABLE.';
    END IF;
    -- The journal, which is written under this lock only. Any login could hold an advisory lock.
    LOCK TABLE ledger.operation_changes IN SHARE ROW EXCLUSIVE MODE;
END
$$;

COMMENT ON FUNCTION ledger_core.lock_catalogue IS
'Serializes changes of the catalogue, so that an app and a shared operation made at the same moment
see each other in the checks at commit.';
