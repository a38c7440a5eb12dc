-- requires: views/core/movements
CREATE OR REPLACE VIEW ledger_core.movements_by_class AS
SELECT
    movements.owner_id,
    movements.asset,
    movements.seq,
    movements.recorded_at,
    movements.amount,
    movements.movement,
    movements.credit_class
FROM ledger_core.movements
UNION ALL
-- What it took of lots of a class, or gave back to them, was not without one.
SELECT
    movements.owner_id,
    movements.asset,
    movements.seq,
    movements.recorded_at,
    parts.sign * moved.amount,
    movements.movement,
    CASE parts.sign WHEN -1 THEN lots.credit_class END
FROM ledger.lot_movements AS moved
INNER JOIN ledger.lots
    ON moved.owner_id = lots.owner_id AND moved.asset = lots.asset AND moved.lot_seq = lots.seq
INNER JOIN ledger_core.movements
    ON moved.owner_id = movements.owner_id AND moved.asset = movements.asset AND moved.seq = movements.seq
CROSS JOIN (VALUES (-1), (1)) AS parts (sign)
WHERE lots.credit_class IS NOT NULL;

COMMENT ON VIEW ledger_core.movements_by_class IS
'As ledger_core.movements, in parts that add up to each entry: credit_class is what the credits are that it moved (null: none).';
