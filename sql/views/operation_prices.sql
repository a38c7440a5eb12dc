-- requires: functions/core/time/clock
CREATE OR REPLACE VIEW ledger.operation_prices AS
SELECT
    timed.operation,
    timed.app,
    (timed.rule ->> 'default_amount')::bigint AS default_amount,
    (timed.rule ->> 'min_amount')::bigint AS min_amount,
    (timed.rule ->> 'max_amount')::bigint AS max_amount,
    timed.valid_from,
    lead(timed.valid_from) OVER (PARTITION BY timed.operation, timed.app ORDER BY timed.change_id) AS valid_until,
    timed.change,
    timed.changed_by,
    (timed.rule ->> 'unit_amount')::bigint AS unit_amount,
    (timed.rule ->> 'unit_size')::bigint AS unit_size,
    timed.rule ->> 'rounding' AS rounding
FROM (
    SELECT
        changes.operation, changes.app, changes.rule, changes.change_id, changes.change, changes.changed_by,
        -- The order is that of change_id, whatever the clock said.
        least(
            min(changes.changed_at) OVER (
                PARTITION BY changes.operation, changes.app ORDER BY changes.change_id
                ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING
            ),
            (SELECT ledger_core.clock())
        ) AS valid_from
    FROM ledger.operation_changes AS changes
    WHERE changes.operation IS NOT NULL
) AS timed;

COMMENT ON VIEW ledger.operation_prices IS
'The default, bounds and price by quantity of every operation over time (app null), and those of the apps that have their own.
Null in a row of an app: those of the operation.
The price at a time: valid_from <= time < coalesce(valid_until, ''infinity'').
If the clock was ahead when a change was made, the change counts from the time of the next change on, or from now on if
there is none.';
