CREATE FUNCTION ledger_front.unavailable(said text)
RETURNS void
LANGUAGE plpgsql
STABLE
AS $$
BEGIN
    -- What PL/Proxy says may tell addresses, which belong into the log.
    RAISE LOG 'partition unavailable: %', said;
    PERFORM ledger_front.refuse(
        'partition_unavailable',
        coalesce(
            (
                SELECT jsonb_build_object('partition', partitions.name)
                FROM ledger_front.partitions()
                WHERE said LIKE '%[' || partitions.name || ']%'
                LIMIT 1
            ),
            '{}'
        )
    );
END
$$;

COMMENT ON FUNCTION ledger_front.unavailable IS
'Raises LG906 for an error of the connection to a partition. said: the error of PL/Proxy, which names the partition, as the
pooler knows it, in brackets.';
