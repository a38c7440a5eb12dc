ALTER TABLE ledger.lots DROP CONSTRAINT lots_within_bounds;

ALTER TABLE ledger.lots
ADD CONSTRAINT lots_amount_positive CHECK (amount > 0),
ADD CONSTRAINT lots_remaining_within_amount CHECK (remaining BETWEEN 0 AND amount),
ADD CONSTRAINT lots_held_within_remaining CHECK (held BETWEEN 0 AND remaining);
