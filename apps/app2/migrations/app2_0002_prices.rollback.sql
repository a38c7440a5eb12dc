SELECT ledger.define_operation(
    operation => 'TOKENS_USED',
    description => 'Tokens that one job of the assistant used; the amount is always said',
    min_amount => -1000000,
    max_amount => -1
);
