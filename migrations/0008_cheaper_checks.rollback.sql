ALTER TABLE ledger.entries
ADD CONSTRAINT entries_seq_positive CHECK (seq > 0),
ADD CONSTRAINT entries_amount_exact_in_json CHECK (amount BETWEEN -9007199254740991 AND 9007199254740991);

ALTER TABLE ledger.accounts DROP CONSTRAINT accounts_within_bounds;

ALTER TABLE ledger.accounts
ADD CONSTRAINT accounts_owner_id_length CHECK (length(owner_id) BETWEEN 1 AND 255),
ADD CONSTRAINT accounts_balance_exact_in_json CHECK (balance BETWEEN -9007199254740991 AND 9007199254740991),
ADD CONSTRAINT accounts_held_not_negative CHECK (held >= 0),
ADD CONSTRAINT accounts_min_balance_not_positive CHECK (min_balance BETWEEN -9007199254740991 AND 0),
ADD CONSTRAINT accounts_not_overspent CHECK (balance - held >= min_balance);
