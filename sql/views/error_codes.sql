-- noqa: disable=LT05
-- The one list of refusals. Message and advice are constant; the values of a refusal are JSON in the error's DETAIL.
CREATE OR REPLACE VIEW ledger.error_codes AS
SELECT
    codes.sqlstate,
    codes.code,
    codes.http_status,
    codes.message,
    codes.advice
FROM (VALUES
    ('LG001', 'invalid_request', 422, 'The request is not well formed.', 'Correct the field that the detail names.'),
    ('LG002', 'amount_out_of_bounds', 422, 'The amount is outside the bounds of the operation.', 'Send an amount within the bounds in the detail.'),
    ('LG101', 'unknown_app', 404, 'There is no such app.', 'An operator registers apps with ledger.register_app.'),
    ('LG102', 'unknown_operation', 422, 'There is no such operation.', 'ledger.operation_sets lists the operations of an app.'),
    ('LG103', 'operation_not_allowed', 422, 'The operation is not in the set of this app.', 'ledger.operation_sets lists those that are; an operator allows more with ledger.allow_operation.'),
    ('LG104', 'entry_not_found', 404, 'This app has recorded no such entry.', 'Name the nonce under which the same app recorded the entry.'),
    ('LG105', 'hold_not_found', 404, 'This app has placed no such hold.', 'Name the nonce under which the same app placed the hold.'),
    ('LG106', 'allowance_not_found', 404, 'This app has granted no such allowance.', 'Name the nonce under which the same app granted the allowance.'),
    ('LG107', 'budget_not_found', 404, 'There is no such budget.', 'ledger.budgets_of lists the budgets of an owner.'),
    ('LG201', 'nonce_conflict', 409, 'The nonce was used by a different request.', 'Use a new nonce for a new request; repeat a request unchanged to retry it.'),
    ('LG301', 'insufficient_balance', 402, 'The account has too few available credits.', 'Nothing was taken. Add credits, or ask for at most what is available.'),
    ('LG302', 'claim_limit_reached', 409, 'The operation was claimed as often as it may be.', 'Try again at next_eligible_at, if there is one.'),
    ('LG303', 'account_frozen', 409, 'The account is frozen.', 'An operator can lift it with ledger.unfreeze_account.'),
    ('LG304', 'hold_closed', 409, 'The hold has ended.', 'The detail tells how and when; place a new hold.'),
    ('LG305', 'reversal_exceeds_original', 409, 'The reversals would exceed the original entry.', 'Reverse at most what the detail calls reversible.'),
    ('LG306', 'allowance_ended', 409, 'The allowance has ended.', 'Grant a new one under a new nonce.'),
    ('LG307', 'budget_exceeded', 409, 'A budget does not allow it.', 'Nothing was taken. Ask for at most what is left, wait until resets_at, or have the budget changed.'),
    ('LG308', 'account_closed', 409, 'The account is closed.', 'Use the account that moved_to names.'),
    ('LG309', 'not_transferable', 422, 'The operation moves no credits to other owners.', 'ledger.operation_sets tells which operations are transferable.'),
    ('LG310', 'other_partition', 422, 'The call spans owners of several partitions.', 'Send each partition its own part; only what is not atomic may span them.'),
    ('LG311', 'wrong_partition', 421, 'This partition does not keep the owner.', 'Read the file of the cluster anew, and ask the partition that keeps the bucket.'),
    ('LG312', 'claim_not_reserved', 503, 'The claim subject is not reserved on its partition, or not any more.', 'Send the request again through a client or a service of the cluster, which reserve the subject first.'),
    ('LG401', 'not_authorized', 403, 'This role may not act for this app.', 'An operator binds a role to an app with ledger.bind_role.'),
    ('LG901', 'append_only', 500, 'The books are append only.', 'Mend a mistake with ledger.reverse_entry; an operator can with ledger.adjust_balance, too.'),
    ('LG902', 'operation_set_incomplete', 500, 'Every app must have every shared operation.', 'An operator uses ledger.register_app and ledger.define_operation, which keep the sets whole.'),
    ('LG903', 'operation_in_use', 500, 'The catalogue keeps what entries refer to.', 'An operator retires the operation with ledger.retire_operation instead.'),
    ('LG904', 'operation_rule_inconsistent', 500, 'The app''s rule does not fit within the operation''s.', 'Narrow the app''s default and bounds, or widen the operation''s.'),
    ('LG905', 'generation_needed', 503, 'Transaction ids have run back: the ledger was moved to another server.', 'The owner of the database runs `ledger migrate`, or an operator ledger.begin_generation(), once.'),
    ('LG906', 'partition_unavailable', 503, 'The partition that keeps the owner is away.', 'Repeat the request with its nonce; owners of other partitions are not affected.')
) AS codes (sqlstate, code, http_status, message, advice);

COMMENT ON VIEW ledger.error_codes IS 'Every refusal of the ledger: SQLSTATE, code, HTTP status, the constant message and the advice.';
