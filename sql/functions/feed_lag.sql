-- Entries become readable when all older transactions have ended. The oldest one that runs holds the oldest id.
CREATE OR REPLACE FUNCTION ledger.feed_lag()
RETURNS TABLE (
    waiting_since timestamptz,
    seconds_behind bigint,
    transactions bigint,
    pid integer,
    prepared text,
    began_at timestamptz,
    state text,
    role_name text,
    application_name text,
    database_name text
)
LANGUAGE plpgsql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    v_snapshot constant pg_snapshot := pg_current_snapshot();
    v_oldest constant xid8 := pg_snapshot_xmin(v_snapshot);
    v_end constant xid8 := pg_snapshot_xmax(v_snapshot);
    v_waiting_since timestamptz;
BEGIN
    SELECT recorded_at INTO v_waiting_since
    FROM ledger.entries
    WHERE xact_id >= v_oldest AND xact_id < v_end
        AND entry_id >= (SELECT max(first_entry_id) FROM ledger.generations)
    ORDER BY xact_id
    LIMIT 1;
    RETURN QUERY
    SELECT
        v_waiting_since,
        coalesce(greatest(0, floor(extract(EPOCH FROM ledger_core.clock() - v_waiting_since)))::bigint, 0),
        v_end::text::bigint - v_oldest::text::bigint,
        sessions.pid,
        prepared.gid,
        coalesce(sessions.xact_start, prepared.prepared),
        sessions.state,
        coalesce(sessions.usename, prepared.owner)::text,
        sessions.application_name,
        coalesce(sessions.datname, prepared.database)::text
    FROM (VALUES (v_oldest::xid)) AS oldest (id)
    LEFT JOIN pg_stat_activity AS sessions ON oldest.id = sessions.backend_xid
    LEFT JOIN pg_prepared_xacts AS prepared ON oldest.id = prepared.transaction;
END
$$;

COMMENT ON FUNCTION ledger.feed_lag IS
'How far the change feed is behind what was committed, and the transaction that it waits for: the oldest one of the server,
of any database, that has written something and not ended. One row; call it in a transaction of its own.
waiting_since: when the oldest entry was recorded that is committed and not in the feed yet; null if none is.
seconds_behind: how long ago that was, in whole seconds, else 0. transactions: how many transaction ids have been given since that of the oldest one.
The cause, null if there is none or it cannot be seen: pid, or the name (prepared) of a prepared transaction; began_at: when
it began; state: that of its session, such as "idle in transaction"; role_name, application_name, database_name.
began_at and state of other roles'' sessions are seen only if the owner of the ledger is a member of pg_read_all_stats; on
a standby, sessions of the primary are not seen.';
