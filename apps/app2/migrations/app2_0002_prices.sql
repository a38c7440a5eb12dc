-- A token has a price, and what a job or an answer takes beyond its hold may leave a small debt.
-- depends: app2_0001_operations

SELECT ledger.define_operation(
    operation => 'TOKENS_USED',
    description => 'Tokens that one job or answer of the assistant used, by amount or by quantity',
    min_amount => -1000000,
    max_amount => -1,
    unit_amount => -1,
    unit_size => 1,
    max_debt => 100
);
