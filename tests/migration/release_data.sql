-- Some of everything that a ledger can hold, recorded by the functions of a release. A snapshot of a
-- release takes a copy of this file along, since later functions may have other parameters.

SELECT ledger.record_entry(app => 'app1', owner_id => 'alice', operation => 'CREDIT_ADD', nonce => 'n-1', amount => 1000);
SELECT ledger.record_entry(
    app => 'app1', owner_id => 'alice', operation => 'CREDIT_SPEND', nonce => 'n-2', amount => -30,
    metadata => '{"order": 7, "café": ["\u00e9", null, 1e3]}'
);
SELECT ledger.record_entry(app => 'app1', owner_id => 'alice', operation => 'SIGNUP_CREDIT', nonce => 'n-3', claim_subject => 'device');
SELECT ledger.record_entry(app => 'app2', owner_id => 'alice', operation => 'DAILY_REWARD', nonce => 'n-3');
SELECT ledger.record_entry(app => 'app1', owner_id => 'alice', operation => 'CONTENT_ACCESS', nonce => 'n-4');

-- Credits that expire: some are spent, some are held, some have expired by now.
SELECT ledger.record_entry(app => 'app2', owner_id => 'bob', operation => 'PLAN_ALLOWANCE', nonce => 'n-5');
SELECT ledger.record_entry(
    app => 'app2', owner_id => 'bob', operation => 'CREDIT_ADD', nonce => 'n-6', amount => 50,
    expires_at => clock_timestamp() + interval '50 milliseconds'
);
SELECT ledger.record_entry(app => 'app2', owner_id => 'bob', operation => 'TOKENS_USED', nonce => 'n-7', amount => -10);
SELECT ledger.record_entry(
    app => 'app1', owner_id => 'carol', operation => 'CREDIT_ADD', nonce => 'n-8', amount => 5,
    expires_at => clock_timestamp() + interval '50 milliseconds'
);
SELECT pg_sleep(0.1);
SELECT ledger.record_entry(app => 'app2', owner_id => 'bob', operation => 'TOKENS_USED', nonce => 'n-9', amount => -1);

-- Holds in each state.
SELECT ledger.place_hold(app => 'app2', owner_id => 'bob', operation => 'TOKENS_USED', nonce => 'h-1', amount => 100);
SELECT ledger.place_hold(app => 'app2', owner_id => 'bob', operation => 'TOKENS_USED', nonce => 'h-2', amount => 100);
SELECT ledger.capture_hold(app => 'app2', hold_nonce => 'h-2', nonce => 'n-10', amount => 40, final => FALSE);
SELECT ledger.place_hold(app => 'app1', owner_id => 'alice', operation => 'CREDIT_SPEND', nonce => 'h-3', amount => 20);
SELECT ledger.capture_hold(app => 'app1', hold_nonce => 'h-3', nonce => 'n-11');
SELECT ledger.place_hold(app => 'app1', owner_id => 'alice', operation => 'CREDIT_SPEND', nonce => 'h-4', amount => 20);
SELECT ledger.release_hold(app => 'app1', hold_nonce => 'h-4');
SELECT ledger.place_hold(
    app => 'app1', owner_id => 'alice', operation => 'CREDIT_SPEND', nonce => 'h-5', amount => 20,
    expires_in => '1 millisecond'
);
SELECT pg_sleep(0.01);

-- Corrections, and what operators do.
SELECT ledger.reverse_entry(app => 'app1', nonce => 'n-12', original_nonce => 'n-2', amount => 10);
SELECT ledger.reverse_entry(app => 'app1', nonce => 'n-13', original_nonce => 'n-3', free_claim => TRUE);
SELECT ledger.adjust_balance(owner_id => 'alice', amount => -7, nonce => 'n-14', actor => 'an operator', reason => 'a correction');
SELECT ledger.set_min_balance(owner_id => 'bob', min_balance => -100, actor => 'an operator', reason => 'a good customer');
SELECT ledger.freeze_account(owner_id => 'carol', actor => 'an operator', reason => 'under review');

-- A batch, and an operation whose price has changed.
SELECT ledger.record_entries(app => 'app1', entries => '[
    {"owner_id": "dave", "operation": "CREDIT_ADD", "nonce": "n-15"},
    {"owner_id": "dave", "operation": "CREDIT_SPEND", "nonce": "n-16", "amount": -99999},
    {"owner_id": "émile \"x\"", "operation": "CREDIT_ADD", "nonce": "n-17", "amount": 3}
]');
SELECT ledger.define_operation(operation => 'IMAGE', description => 'An image', default_amount => -2);
SELECT ledger.allow_operation(app => 'app1', operation => 'IMAGE');
SELECT ledger.record_entry(app => 'app1', owner_id => 'alice', operation => 'IMAGE', nonce => 'n-18');
SELECT ledger.define_operation(operation => 'IMAGE', description => 'An image', default_amount => -3);
SELECT ledger.record_entry(app => 'app1', owner_id => 'alice', operation => 'IMAGE', nonce => 'n-19');
SELECT ledger.retire_operation(operation => 'IMAGE');
