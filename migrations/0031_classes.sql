-- Credits of a class, of limited use: operations say it, entries keep it, lots are spent by it.
-- depends: 0030_allowances

ALTER TABLE ledger.operations
ADD COLUMN credit_class text COLLATE "C",
ADD COLUMN priority integer,
ADD COLUMN usable_for text [] COLLATE "C",
ADD COLUMN usable_in text [] COLLATE "C",
ADD CONSTRAINT operations_credit_class_known CHECK (credit_class IN ('free', 'paid')) NOT VALID,
ADD CONSTRAINT operations_priority_within_bounds CHECK (priority BETWEEN 1 AND 1000) NOT VALID,
ADD CONSTRAINT operations_use_of_credits_only CHECK (
    num_nonnulls(credit_class, priority, usable_for, usable_in) = 0 OR max_amount > 0
) NOT VALID;

ALTER TABLE ledger.entries
ADD COLUMN credit_class text COLLATE "C",
ADD COLUMN priority integer,
ADD COLUMN usable_for text [] COLLATE "C",
ADD COLUMN usable_in text [] COLLATE "C";

ALTER TABLE ledger.lots
ADD COLUMN credit_class text COLLATE "C",
ADD COLUMN priority integer,
ADD COLUMN usable_for text [] COLLATE "C",
ADD COLUMN usable_in text [] COLLATE "C",
ALTER COLUMN expires_at DROP NOT NULL;
