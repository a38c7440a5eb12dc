CREATE OR REPLACE VIEW ledger.operation_prices AS
SELECT
    changes.operation,
    changes.app,
    (changes.rule ->> 'default_amount')::bigint AS default_amount,
    (changes.rule ->> 'min_amount')::bigint AS min_amount,
    (changes.rule ->> 'max_amount')::bigint AS max_amount,
    changes.changed_at AS valid_from,
    lead(changes.changed_at) OVER (PARTITION BY changes.operation, changes.app ORDER BY changes.change_id) AS valid_until,
    changes.change,
    changes.changed_by
FROM ledger.operation_changes AS changes
WHERE changes.operation IS NOT NULL;

COMMENT ON VIEW ledger.operation_prices IS
'The default and bounds of every operation over time (app null), and those of the apps that have their own.
Null in a row of an app: those of the operation.
The price at a time: valid_from <= time < coalesce(valid_until, ''infinity'').';
