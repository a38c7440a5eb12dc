CREATE OR REPLACE VIEW ledger.trial_balance AS
SELECT
    coalesce(moved.asset, stood.asset) AS asset,
    coalesce(moved.issued, 0) AS issued,
    coalesce(moved.spent, 0) AS spent,
    coalesce(moved.expired, 0) AS expired,
    coalesce(moved.reversed, 0) AS reversed,
    coalesce(moved.adjusted, 0) AS adjusted,
    coalesce(moved.total, 0) AS total,
    coalesce(stood.balance, 0) AS balances,
    coalesce(stood.held, 0) AS held,
    coalesce(moved.total, 0) = coalesce(stood.balance, 0) AS ties
FROM (
    SELECT
        entries.asset,
        sum(entries.amount) FILTER (WHERE entries.operation NOT IN ('EXPIRY', 'REVERSAL', 'ADJUSTMENT') AND entries.amount > 0)
            AS issued,
        sum(entries.amount) FILTER (WHERE entries.operation NOT IN ('EXPIRY', 'REVERSAL', 'ADJUSTMENT') AND entries.amount < 0)
            AS spent,
        sum(entries.amount) FILTER (WHERE entries.operation = 'EXPIRY') AS expired,
        sum(entries.amount) FILTER (WHERE entries.operation = 'REVERSAL') AS reversed,
        sum(entries.amount) FILTER (WHERE entries.operation = 'ADJUSTMENT') AS adjusted,
        sum(entries.amount) AS total
    FROM ledger.entries
    GROUP BY entries.asset
) AS moved
FULL JOIN (
    SELECT accounts.asset, sum(accounts.balance) AS balance, sum(accounts.held) AS held
    FROM ledger.accounts
    GROUP BY accounts.asset
) AS stood ON moved.asset = stood.asset;

COMMENT ON VIEW ledger.trial_balance IS
'Per asset the sums of the entries by what they did, and the balances and holds of all accounts as posted.
The books tie if the sums of the entries and of the balances agree.';
