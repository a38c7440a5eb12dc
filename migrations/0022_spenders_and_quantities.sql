-- Entries say who of an owner's members spends, how much was used, and at which price.
-- depends: 0021_no_check_of_hold_events

ALTER TABLE ledger.entries
ADD COLUMN spender text COLLATE "C",
ADD COLUMN quantity bigint,
ADD COLUMN unit_amount bigint,
ADD COLUMN unit_size bigint,
ADD COLUMN rounding text COLLATE "C",
ADD COLUMN overdrawn boolean;
