-- app2 is an AI assistant: a monthly allowance that expires, and jobs paid by the tokens they used.
-- depends:

SELECT ledger.register_app(app => 'app2', description => 'AI assistant');

SELECT ledger.define_operation(
    operation => 'TOKENS_USED',
    description => 'Tokens that one job of the assistant used; the amount is always said',
    min_amount => -1000000,
    max_amount => -1
);

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

SELECT ledger.allow_operation(app => 'app2', operation => 'TOKENS_USED');

SELECT ledger.allow_operation(app => 'app2', operation => 'PLAN_ALLOWANCE');
