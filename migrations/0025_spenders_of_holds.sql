-- As 0022 for entries. Apart from it, because callers that use holds and entries would block a transaction that locks both.
-- depends: 0022_spenders_and_quantities

ALTER TABLE ledger.holds
ADD COLUMN spender text COLLATE "C",
ADD COLUMN quantity bigint,
ADD COLUMN unit_amount bigint,
ADD COLUMN unit_size bigint,
ADD COLUMN rounding text COLLATE "C";
