ALTER TABLE ledger.accounts DROP CONSTRAINT accounts_within_bounds;

ALTER TABLE ledger.accounts ADD CONSTRAINT accounts_within_bounds CHECK (
    balance - held >= min_balance AND held >= 0
    AND min_balance BETWEEN -9007199254740991 AND 0 AND balance <= 9007199254740991
);
