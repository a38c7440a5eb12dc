ALTER TABLE ledger.holds DROP CONSTRAINT holds_within_bounds;

ALTER TABLE ledger.holds
ADD CONSTRAINT holds_amount_positive CHECK (amount > 0),
ADD CONSTRAINT holds_captured_within_amount CHECK (captured BETWEEN 0 AND amount),
ADD CONSTRAINT holds_status_known CHECK (status IN ('open', 'captured', 'released', 'expired')),
ADD CONSTRAINT holds_closed_once CHECK ((status = 'open') = (closed_at IS NULL));
