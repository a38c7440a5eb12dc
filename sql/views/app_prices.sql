-- requires: views/operation_prices
-- The price is that of the operation unless the app has its own, so each period of the one is cut by the periods of the
-- other.
CREATE OR REPLACE VIEW ledger.app_prices AS
SELECT
    own.app,
    own.operation,
    coalesce(own.default_amount, common.default_amount) AS default_amount,
    coalesce(own.min_amount, common.min_amount) AS min_amount,
    coalesce(own.max_amount, common.max_amount) AS max_amount,
    greatest(own.valid_from, common.valid_from) AS valid_from,
    least(own.valid_until, common.valid_until) AS valid_until,
    coalesce(own.unit_amount, common.unit_amount) AS unit_amount,
    coalesce(own.unit_size, common.unit_size) AS unit_size,
    coalesce(own.rounding, common.rounding) AS rounding
FROM ledger.operation_prices AS own
INNER JOIN ledger.operation_prices AS common
    ON
        own.operation = common.operation
        AND own.valid_from < coalesce(common.valid_until, 'infinity')
        AND common.valid_from < coalesce(own.valid_until, 'infinity')
WHERE own.app IS NOT NULL AND common.app IS NULL AND common.change <> 'retired';

COMMENT ON VIEW ledger.app_prices IS
'The default, bounds and price by quantity in force for each app over time: its own, or those of the operation.
No rows for times in which the operation was retired.
The price at a time: valid_from <= time < coalesce(valid_until, ''infinity'').';
