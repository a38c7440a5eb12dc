-- requires: views/core/movements
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
    coalesce(moved.total, 0) = coalesce(stood.balance, 0) AS ties,
    coalesce(moved.carried_over, 0) AS carried_over,
    coalesce(moved.forfeited, 0) AS forfeited,
    coalesce(moved.transferred, 0) AS transferred
FROM (
    SELECT
        movements.asset,
        sum(movements.amount) FILTER (WHERE movements.movement = 'issued') AS issued,
        sum(movements.amount) FILTER (WHERE movements.movement = 'spent') AS spent,
        sum(movements.amount) FILTER (WHERE movements.movement = 'expired') AS expired,
        sum(movements.amount) FILTER (WHERE movements.movement = 'reversed') AS reversed,
        sum(movements.amount) FILTER (WHERE movements.movement = 'carried over') AS carried_over,
        sum(movements.amount) FILTER (WHERE movements.movement = 'forfeited') AS forfeited,
        sum(movements.amount) FILTER (WHERE movements.movement = 'adjusted') AS adjusted,
        sum(movements.amount) FILTER (WHERE movements.movement = 'transferred') AS transferred,
        sum(movements.amount) AS total
    FROM ledger_core.movements
    GROUP BY movements.asset
) AS moved
FULL JOIN (
    SELECT accounts.asset, sum(accounts.balance) AS balance, sum(accounts.held) AS held
    FROM ledger.accounts
    GROUP BY accounts.asset
) AS stood ON moved.asset = stood.asset;

COMMENT ON VIEW ledger.trial_balance IS
'Per asset the sums of the entries by what they did, and the balances and holds of all accounts as posted.
The books tie if the sums of the entries and of the balances agree. What owners transferred to each other comes to 0.';
