CREATE OR REPLACE VIEW ledger.app_usage AS
SELECT
    entries.app,
    entries.operation,
    entries.asset,
    (entries.recorded_at AT TIME ZONE 'UTC')::date AS day,
    count(*) AS entry_count,
    count(DISTINCT entries.owner_id) AS owners,
    sum(entries.amount) AS amount
FROM ledger.entries
GROUP BY entries.app, entries.operation, entries.asset, day;

COMMENT ON VIEW ledger.app_usage IS
'The use of each operation per app and day (UTC): number of entries and owners, and the signed sum.
Restrict day to see a period.';
