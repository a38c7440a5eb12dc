-- What `\d+` says of every column in schema ledger. A name means the same everywhere, unless a line below names relations.
-- Writes only what differs. Leaves a table that is locked, by VACUUM for example, to the next `ledger migrate`.
DO $$
DECLARE
    v_relation record;
    v_column record;
BEGIN
    FOR v_relation IN
        SELECT pg_class.oid, pg_class.relname, pg_class.relkind
        FROM pg_class
        -- Named, because people may have tables of their own in this schema.
        WHERE pg_class.relnamespace = 'ledger'::regnamespace AND pg_class.relname = ANY (ARRAY[
            'account_balances', 'accounts', 'allowance', 'allowance_entries', 'allowance_events', 'allowances', 'app_operations', 'app_prices', 'app_roles', 'app_usage', 'apps', 'batch_result',
            'batch_row', 'budget', 'budget_definitions', 'budget_use', 'budgets',
            'claim_reservations', 'claims', 'discrepancy', 'entries', 'entry', 'entry_journal', 'entry_row', 'error_codes',
            'feed_entry', 'feed_row', 'generations', 'hold', 'hold_row',
            'hold_events', 'hold_growths', 'hold_lots', 'holds', 'lot_movements', 'lots', 'open_holds', 'operation_changes',
            'operation_prices', 'operation_sets', 'operations', 'operator_actions', 'proofs', 'recorded_entry', 'recorded_row',
            'role_rights', 'trial_balance'
        ])
        ORDER BY pg_class.relname
    LOOP
        BEGIN
            FOR v_column IN
                SELECT pg_attribute.attname, meanings.meaning
                FROM pg_attribute
                CROSS JOIN LATERAL (
                    SELECT known.meaning
                    FROM (VALUES
                        (NULL, 'owner_id', 'The owner of the credits.'),
                        (NULL, 'asset', 'The unit counted, such as CREDIT.'),
                        (NULL, 'app', 'The app that recorded the entry; "ledger": the ledger itself did.'),
                        ('app_operations operation_sets', 'app', 'The app whose set of operations this is.'),
                        ('apps', 'app', 'The name of the app, in lower snake case.'),
                        ('app_roles', 'app', 'The app that the login may record for.'),
                        ('hold hold_row holds hold_events hold_growths hold_lots open_holds', 'app', 'The app that placed the hold.'),
                        ('allowance allowance_entries allowance_events allowances', 'app', 'The app that granted the allowance.'),
                        ('app_prices', 'app', 'The app for which the price is in force.'),
                        (
                            'operation_changes', 'app',
                            'The app that changed, or whose own bounds did; null: an operation changed, or a generation began.'
                        ),
                        ('operation_prices', 'app', 'The app whose own bounds these are; null: those of the operation.'),
                        (
                            NULL, 'operation',
                            'The kind of change: an operation of ledger.operations, or ADJUSTMENT, CARRY_OVER, EXPIRY, FORFEITURE, REVERSAL.'
                        ),
                        ('allowance allowances', 'operation', 'The operation of the entries that come from it.'),
                        ('hold hold_row holds open_holds', 'operation', 'The operation under which captures are recorded.'),
                        (
                            'operations app_operations app_prices claims operation_prices operation_sets', 'operation',
                            'The name of the operation, in upper snake case.'
                        ),
                        (
                            'operation_changes', 'operation',
                            'The operation that changed; null: an app, a login or a generation did.'
                        ),

                        (
                            NULL, 'entry_id',
                            'The unique number of the entry in the whole ledger. It implies no order, and may skip numbers.'
                        ),
                        (NULL, 'seq', 'The number of the entry within its account: 1, 2, 3 … in commit order.'),
                        ('claims', 'seq', 'The entry that took the slot, with owner_id and asset; 0: a reservation did.'),
                        (
                            'discrepancy', 'seq',
                            'The number of the entry, or of the line of the journal; null if it is about none.'
                        ),
                        ('allowance_entries', 'seq', 'The entry that came from the allowance.'),
                        (
                            'allowance_events', 'seq',
                            'The entry that the call recorded itself: of what a raise brought at once, or what was forfeited;'
                            || ' null: none. What comes by the clock is in ledger.allowance_entries.'
                        ),
                        ('hold_events', 'seq', 'The entry that a capture recorded; null for other events.'),
                        ('lot_movements', 'seq', 'The entry that moved the credits.'),
                        ('lots', 'seq', 'The entry that granted the credits.'),
                        (
                            'operator_actions', 'seq',
                            'The entry that the action recorded: an adjustment, a reversal or what was forfeited; null: none.'
                        ),
                        (NULL, 'amount', 'The change in whole units of the asset: positive for credits, negative for debits.'),
                        ('app_usage', 'amount', 'The sum of the amounts, with their signs.'),
                        (
                            'hold hold_row holds open_holds', 'amount',
                            'What was reserved, with what the hold has grown by since: a positive number of whole units.'
                        ),
                        ('hold_growths', 'amount', 'How much more was reserved, as a positive number of whole units.'),
                        ('hold_lots', 'amount', 'How many credits of the lot the hold reserves.'),
                        (
                            'lot_movements', 'amount',
                            'How many credits were taken from the lot; negative: given back to it by a reversal.'
                        ),
                        ('lots', 'amount', 'How many credits the entry granted.'),
                        (NULL, 'balance', 'The account''s balance after the entry.'),
                        ('accounts', 'balance', 'The sum of the account''s entries.'),
                        ('account_balances', 'balance', 'All credits of the account, those that are held included.'),
                        (NULL, 'balance_after', 'The account''s balance after the entry.'),
                        (NULL, 'nonce', 'The caller''s own id for the request, unique per app.'),
                        ('allowance allowances', 'nonce', 'The caller''s own id for the allowance, unique per app.'),
                        ('allowance_events', 'nonce', 'The caller''s own id for what was asked, unique per app; null: it has none.'),
                        ('allowance allowance_events allowances', 'owner_id', 'The owner to whom the credits come.'),
                        ('allowance allowances', 'amount', 'How many credits come each time.'),
                        (
                            'allowance allowances', 'period',
                            'day, week, month, quarter or year, counted from starts_at; null: the credits come once.'
                        ),
                        ('allowance allowances', 'time_zone', 'The IANA name of the zone by whose clock periods begin.'),
                        (NULL, 'starts_at', 'When the first period begins.'),
                        (NULL, 'carry_over_most', 'How many credits of what is left at the end of a period go on.'),
                        (NULL, 'carry_over_for', 'For how many periods more they do.'),
                        (NULL, 'occurrences', 'How often credits come; null: without end.'),
                        (NULL, 'ends_at', 'From when on nothing comes any more; null: that is not said.'),
                        ('allowance allowances', 'metadata', 'What is kept in each entry that comes from it, as a JSON object; null: nothing.'),
                        (
                            'allowances', 'expires_after',
                            'How long its credits last if they come once; null: until the next period, or for ever.'
                        ),
                        (NULL, 'next_occurrence', 'Which period is posted next, counted from 0.'),
                        (
                            'allowances', 'next_at',
                            'When something is due next; infinity: never. Periods that begin by then may not be posted yet.'
                        ),
                        ('allowance', 'next_at', 'When the next credits come; null: none will.'),
                        (
                            'allowance', 'status',
                            'open; suspended while the account is frozen; ended if nothing will come any more.'
                        ),
                        (
                            'allowance', 'replayed',
                            'True if an earlier call had asked for the same. Then nothing has changed. Null in a list.'
                        ),
                        (NULL, 'allowance_nonce', 'The allowance, by its nonce.'),
                        (NULL, 'occurrence', 'In which period it came, counted from 0.'),
                        (
                            'allowance_entries', 'kind',
                            'granted: at the beginning of the period; raised: by a change, at once; carried_over: of what was left of the last one.'
                        ),
                        ('allowance_events', 'event_seq', 'The number of the line among those of the account: 1, 2, 3 …'),
                        ('allowance_events', 'event', 'granted, changed or ended.'),
                        ('allowance_events', 'happened_at', 'The clock of the server at that time.'),
                        ('allowance_events', 'request', 'What was asked, as a JSON object; a retry has to ask the same.'),
                        ('allowance_events', 'allowance', 'The row of ledger.allowances afterwards, as JSON.'),
                        ('allowance_events', 'after_seq', 'The last entry of the account before it.'),
                        ('allowance_events', 'role_name', 'The database role that asked.'),
                        (
                            'allowance_events', 'hash',
                            'SHA-256 over the hash of the account''s line before and this line; see ledger_core.hashed_allowance_event.'
                        ),
                        ('account_balances', 'next_allowance_at', 'When the next allowance comes; null: none will.'),
                        ('account_balances', 'next_allowance_amount', 'How many credits come then; null: none will.'),
                        (NULL, 'carried_over', 'The sum of the CARRY_OVER entries.'),
                        (NULL, 'forfeited', 'The sum of the FORFEITURE entries: negative.'),
                        ('hold_growths', 'nonce', 'The caller''s own id for the growth, unique per app.'),
                        ('hold hold_row holds open_holds', 'nonce', 'The caller''s own id for the hold, unique per app.'),
                        (NULL, 'metadata', 'What the caller recorded with it, as a JSON object; null: nothing.'),
                        (
                            NULL, 'recorded_at',
                            'When the entry was recorded. The order of entries is that of seq: the clock may have been set.'
                        ),
                        (NULL, 'replayed', 'True if an earlier call had recorded the same request. Then nothing has changed.'),
                        ('hold hold_row', 'replayed', 'True if an earlier call had done what was asked. Then nothing has changed.'),
                        (
                            'batch_result batch_row', 'replayed',
                            'True if an earlier call had recorded the same request; null for a refused item.'
                        ),
                        (NULL, 'expires_at', 'When the credits of the entry expire; null: never.'),
                        ('hold hold_row holds open_holds', 'expires_at', 'When the hold ends by itself, or would have ended.'),
                        ('lots', 'expires_at', 'When the credits of the lot expire; null: never.'),
                        (NULL, 'hold_nonce', 'The hold that the entry captured from, by its nonce; null: it is no capture.'),
                        ('hold_events hold_growths hold_lots', 'hold_nonce', 'The hold, by its nonce.'),
                        ('hold_growths', 'grown_at', 'The clock of the server when the hold grew.'),
                        (
                            'accounts', 'debt',
                            'How far below min_balance a capture in full has left the account, without credits that expire.'
                        ),
                        (
                            NULL, 'reverses_seq',
                            'The entry of the same account that this one reverses, wholly or in part; null: it is no reversal.'
                        ),
                        (NULL, 'reversed_amount', 'How much of the entry reversals took back, as a positive number.'),
                        (
                            NULL, 'claim_subject',
                            'The second subject of the operation''s claim limit, as requested: a hashed e-mail, a device.'
                        ),
                        (
                            NULL, 'claim_slot',
                            'The slot of the owner''s claim limit that the entry took. Null: none, or recorded before release 0.2.'
                        ),
                        (
                            NULL, 'subject_slot',
                            'The slot of the claim_subject''s limit that the entry took. Null: none, one that another partition has reserved,'
                            || ' or recorded before release 0.2.'
                        ),
                        (NULL, 'frees_claim', 'True: the reversal gave back the claim of the entry that it reverses.'),
                        (NULL, 'hold_final', 'True: the capture ended its hold and gave back the rest.'),
                        (NULL, 'spender', 'Who of the owner''s members, keys or sessions it was for; null: nobody in particular.'),
                        (NULL, 'quantity', 'How much was used, by which the operation''s price made the amount; null: an amount was named.'),
                        (NULL, 'unit_amount', 'The price by quantity at that moment: the signed amount for unit_size.'),
                        (NULL, 'unit_size', 'The quantity that costs unit_amount.'),
                        (NULL, 'rounding', 'How the price was rounded to whole units: up (away from zero), down, nearest.'),
                        (
                            NULL, 'overdrawn',
                            'Of a capture of more than its hold reserved: true, it left a debt; false, the rest was available.'
                        ),
                        (
                            'app_operations app_prices operation_prices operation_sets operations', 'unit_amount',
                            'The price by quantity: the signed amount for unit_size; null: none, or that of the operation.'
                        ),
                        (NULL, 'max_debt', 'How far below the floor of an account a capture in full may go.'),
                        (NULL, 'credit_class', 'Of the credits granted: free or paid; null: neither.'),
                        (NULL, 'priority', 'Of the credits granted: lower ones are spent first; null: 100.'),
                        (NULL, 'usable_for', 'For which operations the credits granted may be used; null: for all.'),
                        (NULL, 'usable_in', 'In which apps the credits granted may be used; null: in all.'),
                        (
                            NULL, 'transferable',
                            'True: ledger.transfer_credits moves credits to another owner by it; nothing else records it.'
                        ),
                        (
                            NULL, 'peer_owner_id',
                            'Of a transfer, or what takes one back: the other owner, to whom (amount below 0) or from whom it went.'
                        ),
                        (
                            NULL, 'peer_seq',
                            'Of a transfer: at the sender, the first entry of the receiver; at the receiver, the entry of the sender.'
                        ),
                        ('accounts', 'moved_to', 'The owner to whom the account was moved, by which it is closed; null: it was not.'),
                        (NULL, 'amount_defaulted', 'True: the request named no amount and took the default of that time.'),
                        (NULL, 'expiry_defaulted', 'True: expires_at follows from the operation and was not in the request.'),
                        (
                            NULL, 'xact_id',
                            'The transaction that wrote the line. A checkpoint covers the lines of transactions before its horizon.'
                        ),
                        ('entries', 'xact_id', 'The transaction that recorded the entry. The change feed has this order.'),
                        (
                            'entries', 'hash',
                            'SHA-256 over the hash of the account''s entry before and this entry; see ledger_core.hashed_entry.'
                        ),
                        (
                            'entry_journal', 'hash',
                            'SHA-256 over the hash of the account''s entry before and this entry, in hexadecimal digits.'
                        ),
                        (
                            'hold_events', 'hash',
                            'SHA-256 over the hash of the account''s line before and this line; see ledger_core.hashed_hold_event.'
                        ),
                        (
                            'operation_changes', 'hash',
                            'SHA-256 over the hash of the line before and this line; see ledger_core.hashed_change.'
                        ),
                        (
                            'operator_actions', 'hash',
                            'SHA-256 over the hash of the account''s line before and this line; see ledger_core.hashed_action.'
                        ),
                        (
                            'feed_entry feed_row', 'cursor',
                            'The position in the feed after this entry: pass it to ledger.entries_after to go on.'
                        ),

                        (NULL, 'held', 'How many credits open holds reserve.'),
                        (
                            'lots', 'held',
                            'How many of the remaining credits open holds reserve. They do not expire until their hold ends.'
                        ),
                        ('trial_balance', 'held', 'What open holds reserve in all accounts, as posted.'),
                        (NULL, 'available', 'balance less held: what can be spent, down to min_balance.'),
                        (
                            NULL, 'min_balance',
                            'The floor of available: 0, or below zero for an overdraft that an operator granted.'
                        ),
                        (NULL, 'entry_count', 'The number of entries.'),
                        (NULL, 'last_seq', 'The number of the last entry; 0 before the first.'),
                        (NULL, 'last_entry_at', 'When the last entry was recorded; in the future if the clock was ahead then.'),
                        (
                            NULL, 'next_due_at',
                            'When the next lot expires or the next hold ends; the last time that there is: there are only lots that'
                            || ' will not; infinity: there is none of these.'
                        ),
                        (NULL, 'next_expiry_at', 'When the next credits expire; null: none will.'),
                        (NULL, 'next_expiry_amount', 'How many credits expire then; null: none will.'),
                        (NULL, 'frozen_at', 'Since when the account is frozen; null: it is not.'),
                        (NULL, 'head_hash', 'The hash of the last entry; 32 zero bytes before the first.'),
                        (
                            NULL, 'in_order_from',
                            'The entry from which on recorded_at does not run backwards: 1, unless the clock was set back.'
                        ),

                        (NULL, 'captured', 'How much of the hold was captured (spent) so far.'),
                        (NULL, 'remaining', 'How much the hold still reserves; 0 once it has ended.'),
                        ('lots', 'remaining', 'How many of the credits are left.'),
                        (
                            NULL, 'status',
                            'open, or how the hold ended: captured, released (nothing or only a part was captured) or expired.'
                        ),
                        (NULL, 'placed_at', 'When the hold was placed.'),
                        (NULL, 'expires_in', 'The lifetime that the request asked for; a retry must ask for the same.'),
                        (NULL, 'closed_at', 'When the hold ended; null while it is open.'),
                        (
                            NULL, 'event_seq',
                            'The number of the event among those of the account''s holds: 1, 2, 3 … in commit order.'
                        ),
                        (NULL, 'happened_at', 'When the event happened.'),
                        (
                            NULL, 'event',
                            'placed, grown, captured (wholly or in part), extended, released, expired; adopted: the hold is older than this journal;'
                            || ' nonce_shared: release 0.1 let an entry take the nonce of the hold.'
                        ),
                        (
                            NULL, 'hold',
                            'The hold after the event, with times in UTC. Its member lots: how much it reserves of which lot, by the lot''s seq.'
                            || ' growth: by how much it grew, when and under which nonce.'
                        ),
                        (NULL, 'lot_seq', 'The lot, by the number of the entry that granted its credits.'),

                        (NULL, 'subject_kind', 'Whom the limit counts: owner or claim_subject.'),
                        (NULL, 'subject', 'The owner, or the claim_subject of the request, which is limited over all owners.'),
                        (NULL, 'scope_app', 'The app, if the limit counts for each app by itself; else empty.'),
                        (
                            NULL, 'period_start',
                            'When the day, week or month began, by the clock of the operation''s time zone; -infinity for "ever".'
                        ),
                        (NULL, 'slot', 'Which claim of the period it is: from 1 to the limit.'),
                        (NULL, 'reserved_at', 'When the slot was taken.'),
                        (NULL, 'claim_deadline', 'Until when the last attempt may record the entry on its partition.'),
                        (NULL, 'attempts', 'How many attempts to record the entry were given a deadline.'),
                        (NULL, 'kept_at', 'When the entry was known to be recorded; null: not settled yet.'),
                        (
                            'claim_reservations', 'owner_id',
                            'The owner of the entry, whom another partition keeps.'
                        ),
                        ('claim_reservations', 'app', 'The app that claims.'),
                        ('claim_reservations', 'nonce', 'The caller''s own id for the request that claims, unique per app.'),
                        (
                            'claim_reservations', 'hash',
                            'SHA-256 over all other columns; see ledger_core.hashed_reservation.'
                        ),

                        (NULL, 'description', 'What it is for, in words.'),
                        (NULL, 'registered_at', 'When the app was registered.'),
                        (NULL, 'bound_at', 'When the login was bound to the app.'),
                        (NULL, 'shared', 'True: every app must have the operation.'),
                        (NULL, 'default_amount', 'The amount of a request without one; null: every request must have one.'),
                        (NULL, 'min_amount', 'The lowest amount allowed. Debits are negative.'),
                        (NULL, 'max_amount', 'The highest amount allowed. Debits are negative.'),
                        (
                            'app_operations operation_prices', 'default_amount',
                            'The app''s own default; null: that of the operation.'
                        ),
                        (
                            'app_operations operation_prices', 'min_amount',
                            'The app''s own lowest amount; null: that of the operation.'
                        ),
                        (
                            'app_operations operation_prices', 'max_amount',
                            'The app''s own highest amount; null: that of the operation.'
                        ),
                        (
                            NULL, 'claim_limit',
                            'How often an owner, or a claim_subject, may record the operation in a period; null: no limit.'
                        ),
                        (
                            NULL, 'claim_period',
                            'The period of the limit: ever, day, week (from Monday) or month; null: no limit.'
                        ),
                        (
                            NULL, 'claim_scope',
                            'owner: the limit counts over all apps; owner_and_app: for each app by itself; null: no limit.'
                        ),
                        (NULL, 'claim_time_zone', 'The time zone in which periods begin, by its IANA name; null: no limit.'),
                        (
                            NULL, 'expires_after',
                            'How long the credits last, by the calendar of claim_time_zone, or else UTC; null: they do not expire.'
                        ),
                        (NULL, 'retired_at', 'Since when no new entry may use the operation; null: it is in force.'),
                        (NULL, 'change_id', 'The number of the change: 1, 2, 3 … in commit order.'),
                        (NULL, 'changed_at', 'When the change was made.'),
                        (NULL, 'changed_by', 'The database role that made the change.'),
                        (
                            NULL, 'change',
                            'defined or retired: an operation; allowed: an app''s own bounds; registered: an app; bound or unbound: a login;'
                            || ' generation: a new one began.'
                        ),
                        ('operation_prices', 'change', 'defined or retired: the operation; allowed: the app''s own bounds.'),
                        (NULL, 'rule', 'The operation, app, binding or generation as it stood afterwards.'),
                        (NULL, 'valid_from', 'Since when the price is in force.'),
                        (NULL, 'valid_until', 'Until when it was in force, this moment excluded; null: it still is.'),
                        (NULL, 'generation', 'The number of the generation.'),
                        (NULL, 'first_entry_id', 'The first entry_id of the generation.'),
                        (NULL, 'end_entry_id', 'The first entry_id of the next generation; null: this is the current one.'),
                        (NULL, 'first_xact_id', 'The first transaction id of the generation.'),
                        (NULL, 'begun_at', 'When it began; null for the first.'),
                        (NULL, 'begun_by', 'The database role that began it; null for the first.'),

                        (NULL, 'action_seq', 'The number of the action among those on the account: 1, 2, 3 … in commit order.'),
                        (NULL, 'acted_at', 'When the action was done.'),
                        (
                            NULL, 'action',
                            'The function that was called; reverse_entry and end_allowance: ledger.reverse_by_hand and'
                            || ' ledger.end_allowance_by_hand.'
                        ),
                        (NULL, 'actor', 'The person who decided, as the call named it.'),
                        (NULL, 'reason', 'Why, as the call said it.'),
                        ('generations', 'reason', 'Why it was begun; null for the first.'),
                        (NULL, 'before', 'The values that the action changed, as they were.'),
                        (NULL, 'after', 'The values that the action changed, as they are since.'),

                        (NULL, 'role_name', 'The login.'),
                        (
                            'operation_changes', 'role_name',
                            'The login that was bound to the app, or no longer is; null for other changes.'
                        ),
                        ('operator_actions', 'role_name', 'The database role that called the function.'),
                        (NULL, 'records_for', 'The apps that the login may record for.'),
                        (NULL, 'audits', 'True: it may read everything and verify the books.'),
                        (NULL, 'operates', 'True: it may do what ledger_operator may, such as adjust and freeze.'),
                        (
                            NULL, 'writes_tables',
                            'True: it could write the tables without the functions, as superusers and the owner can.'
                        ),
                        (NULL, 'kind', 'verify: the whole ledger was recomputed; checkpoint: a digest was taken.'),
                        (NULL, 'noted_at', 'When that was done last.'),
                        (NULL, 'discrepancies', 'How many discrepancies were found; 0 for a checkpoint.'),

                        (NULL, 'day', 'The day, in UTC.'),
                        (NULL, 'owners', 'The number of different owners.'),
                        (NULL, 'issued', 'The sum of all credits, without what is carried over, reversals, adjustments and transfers.'),
                        (NULL, 'spent', 'The sum of all debits, without expiries, forfeitures, reversals, adjustments and transfers: negative.'),
                        (NULL, 'expired', 'The sum of the EXPIRY entries: negative.'),
                        (NULL, 'reversed', 'The sum of the REVERSAL entries, with their signs.'),
                        (NULL, 'adjusted', 'The sum of the ADJUSTMENT entries, with their signs.'),
                        (NULL, 'transferred', 'What owners transferred to each other, both sides together: 0.'),
                        (NULL, 'total', 'The sum of all entries: issued + carried_over + spent + expired + forfeited + reversed + adjusted + transferred.'),
                        (NULL, 'balances', 'The sum of the balances of all accounts, as posted.'),
                        (NULL, 'ties', 'True: total and balances agree.'),

                        (NULL, 'position', 'Which item of the batch it is, counted from 1.'),
                        ('budget budget_definitions budget_use budgets', 'owner_id', 'The owner whose debits it counts.'),
                        ('budget budget_definitions budgets', 'app', 'The app whose debits count; null: those of every app.'),
                        (
                            'budget budget_definitions budgets', 'operation',
                            'The operation whose debits count; null: those of every operation.'
                        ),
                        (NULL, 'budget', 'The name of the budget.'),
                        (
                            'budget', 'spender',
                            'Whose debits count; null: those of all spenders together; *: of each who has used nothing yet.'
                        ),
                        (
                            'budget_definitions budgets', 'spender',
                            'Whose debits count; *: of each spender by itself; empty: of all together.'
                        ),
                        (
                            'budget_use', 'spender',
                            'Whose use it is; empty: that of all together, or (with a budget of each spender) that all are there.'
                        ),
                        (NULL, 'most', 'The most that may be spent and held in a period, in whole units of the asset.'),
                        (NULL, 'period', 'day, week (from Monday), month or ever.'),
                        (NULL, 'time_zone', 'The IANA name of the zone in which periods begin.'),
                        (NULL, 'own', 'True: set for this owner; false: defined for everybody.'),
                        (NULL, 'use_id', 'Which rule was counted: that of budget_definitions, or 0 for a budget of the owner''s own.'),
                        (
                            'budget_definitions', 'use_id',
                            'Names this rule in budget_use. Another one if what is counted has changed.'
                        ),
                        ('budget_use', 'period_start', 'When the period began.'),
                        ('budget', 'period_start', 'When the present period began; null: it is for ever.'),
                        (NULL, 'period_end', 'When the period ends; infinity: never.'),
                        (NULL, 'resets_at', 'When the next period begins; null: never.'),
                        (
                            'budget budget_use', 'spent',
                            'What debits took in the period, less what reversals gave back. A capture counts where its hold does.'
                        ),
                        ('budget budget_use', 'held', 'What open holds of the period still reserve.'),
                        (NULL, 'version', 'The version of the budgets of everybody that only_most and the like go by; null: they were not looked at.'),
                        (NULL, 'only_most', 'The most of the budget, if no other one counts the same; null: there are more.'),
                        (NULL, 'only_app', 'The app that this budget counts; null: every app, or there are more budgets.'),
                        (NULL, 'only_operation', 'The operation that this budget counts; null: every one, or there are more budgets.'),
                        (NULL, 'has_budgets', 'True: debits are counted in budgets, since the account first had one.'),
                        (NULL, 'is_budgeted', 'True: a budget of everybody counts the operation.'),
                        (NULL, 'may_set_budgets', 'True: the login may set budgets that count what is spent in the app.'),
                        (NULL, 'sqlstate', 'The SQLSTATE that the database raises.'),
                        (NULL, 'code', 'The name of the refusal; null: the item was recorded.'),
                        ('error_codes', 'code', 'The name of the refusal, which HTTP and Python use.'),
                        (NULL, 'http_status', 'The status of the HTTP answer.'),
                        (NULL, 'message', 'The message of the refusal, constant per code; null: the item was recorded.'),
                        ('error_codes', 'message', 'The message, which is constant per code. Values are in DETAIL.'),
                        (NULL, 'advice', 'What to do about it, unless a HINT of the refusal itself knows better.'),
                        (NULL, 'detail', 'The values of the refusal, as a JSON object; null: the item was recorded.'),
                        ('discrepancy', 'detail', 'The values that are wrong, as a JSON object.'),
                        (NULL, 'hint', 'What to do about it; null: the item was recorded, or there is no advice.'),
                        (NULL, 'problem', 'What is wrong.'),
                        (NULL, 'found_in', 'The table that it was found in.'),
                        ('discrepancy', 'owner_id', 'The owner; null if it is about no account.'),
                        ('discrepancy', 'asset', 'The asset of the account; null if it is about no account.')
                    ) AS known (relations, name, meaning)
                    WHERE known.name = pg_attribute.attname
                        AND (known.relations IS NULL OR v_relation.relname = ANY (string_to_array(known.relations, ' ')))
                    ORDER BY known.relations NULLS LAST
                    LIMIT 1
                ) AS meanings
                WHERE pg_attribute.attrelid = v_relation.oid AND pg_attribute.attnum > 0 AND NOT pg_attribute.attisdropped
                    AND col_description(pg_attribute.attrelid, pg_attribute.attnum) IS DISTINCT FROM meanings.meaning
                ORDER BY pg_attribute.attnum
            LOOP
                -- COMMENT would wait for VACUUM, which can take hours.
                IF v_relation.relkind = 'r' THEN
                    EXECUTE format('LOCK TABLE ledger.%I IN SHARE UPDATE EXCLUSIVE MODE NOWAIT', v_relation.relname);
                END IF;
                EXECUTE format(
                    'COMMENT ON COLUMN ledger.%I.%I IS %L', v_relation.relname, v_column.attname, v_column.meaning
                );
            END LOOP;
        EXCEPTION
            WHEN lock_not_available THEN
                RAISE WARNING 'ledger.% is locked: the next `ledger migrate` writes the comments on its columns',
                    v_relation.relname;
        END;
    END LOOP;
END
$$;
