SELECT ledger.define_operation(
    operation => 'PLAN_ALLOWANCE',
    description => 'Allowance of a plan for one month; what is left of it expires',
    default_amount => 1000,
    min_amount => 1,
    max_amount => 100000,
    claim_limit => 1,
    claim_period => 'month',
    claim_scope => 'owner_and_app',
    expires_after => '1 month'
);
