-- requires: dropped/0.1_answers
-- requires: functions/core/batches/as_result, functions/core/entries/as_recorded
-- requires: functions/core/budgets/budgets_that_apply
-- requires: functions/core/lots/is_classed
-- Carries the calls of ledger.record_entry out in memory, one after the other, and writes what they come to in one
-- statement for each table:
--
--   read the items  →  lock the accounts in the order of their keys  →  settle what is due, read the clock, the accounts,
--   their lots, the claims and nonces that are taken  →  per item: replay, freeze, expiry, claim limit, floor  →  write
--
-- Everything is looked up once and by key, and a step of the loop takes the same time however many items an account has.
-- The variables of accounts, items, lots and limits are arrays, each with a numbering of its own: accounts in the order of
-- their keys, items by position, lots by account and in the order in which they are spent.
--
-- Locks are taken in this order: accounts, new accounts, nonces, claims, each in the order of their keys. The primary keys
-- decide what another transaction takes meanwhile: 40001 then.
CREATE OR REPLACE FUNCTION ledger_core.record_mixed_batch(
    app text, entries jsonb, done ledger.batch_row [], wary boolean
)
RETURNS ledger.batch_row []
LANGUAGE plpgsql
-- Look-ups by key, whatever the planner believes of the number of rows.
SET enable_seqscan = off
SET jit = off
SET enable_hashjoin = off
SET enable_mergejoin = off
AS $$
#variable_conflict use_column
DECLARE
    v_now timestamptz;
    v_xact_id xid8 := pg_current_xact_id();
    v_is_partition boolean := EXISTS (SELECT 1 FROM ledger_core.kept_buckets);
    v_count bigint;
    v_expected bigint;
    v_results ledger.batch_row [] := done;

    -- Items
    v_positions integer [];
    v_requests ledger.entries [];
    v_allowed boolean [];
    v_expires_after interval [];
    v_time_zones text [];
    v_account_of integer [];
    v_first_with_nonce integer [];
    v_has_limits boolean;
    v_has_subjects boolean;
    v_repeats_nonces boolean;
    v_of_owner integer []; -- the limit for the owner
    v_of_subject integer [];
    v_elsewhere boolean []; -- another partition has to reserve the claim_subject,
    v_deadlines timestamptz []; -- until then
    v_first_deadline timestamptz;

    -- What nonces are taken by, at the position of the first item that has them
    v_kept ledger.entries [];
    v_kept_at integer [];
    v_kept_by integer [];
    v_recorded_by integer [];
    v_held_nonces integer [];

    -- Accounts
    v_owners text [];
    v_assets text [];
    v_addresses tid [];
    v_balances bigint [];
    v_held bigint [];
    v_floors bigint [];
    v_seqs bigint [];
    v_due timestamptz [];
    v_frozen timestamptz [];
    v_hashes bytea [];
    v_left boolean [];
    v_latest timestamptz;
    v_soonest timestamptz;
    v_in_debt boolean;
    v_settled boolean [];
    v_begun boolean := FALSE; -- an account has begun to count in budgets
    v_debits bigint []; -- the sum of the items that debit
    v_gets_lots boolean []; -- an item may be credits that expire
    v_grants_classed boolean []; -- an item may be credits of a class, a priority or a limited use
    v_answered boolean []; -- an item was recorded or replayed
    v_changed boolean [];
    v_first_lots integer [];
    v_last_lots integer [];
    v_has_budgets boolean [];
    v_is_budgeted boolean []; -- an item is counted by a budget of everybody
    v_in_lots bigint [];
    v_respent boolean [];

    -- Lots
    v_lot_addresses tid [];
    v_lot_accounts integer [];
    v_lot_seqs bigint [];
    v_lot_amounts bigint [];
    v_lot_remaining bigint [];
    v_lot_held bigint [];
    v_lot_expiries timestamptz [];
    v_next_lots integer [];
    v_lots_before integer;
    v_taken_lots integer [] := '{}';
    v_lot_taken boolean [];
    v_movements ledger.lot_movements [] := '{}';

    -- Counters of budgets, and the counters that a kind of item (account, operation, spender) is counted by
    v_counters_of integer []; -- the kind of an item
    v_first_counters integer [];
    v_last_counters integer [];
    v_counters integer [];
    v_use ledger.budget_use [];
    v_use_addresses tid [];
    v_most bigint [];
    v_spent bigint [];
    v_counted boolean [];
    v_counter integer;

    -- Limits of claims
    v_limits ledger.claims []; -- the keys, without slot and entry
    v_slots integer [] := '{}'; -- free ones
    v_next_slots integer [];
    v_last_slots integer [];
    v_claims ledger.claims [] := '{}';
    v_claim ledger.claims;
    v_found record;

    -- The item at hand
    v_entry ledger.entries;
    v_entries ledger.entries [] := '{}';
    v_old ledger.entries;
    v_reason text;
    v_account integer;
    v_first integer;
    v_by integer;
    v_lot integer;
    v_before integer;
    v_balance bigint;
    v_left_to_take bigint;
    v_part bigint;
    v_options text;
BEGIN
    WITH listed AS MATERIALIZED (
        SELECT
            items.*,
            dense_rank() OVER (ORDER BY items.owner_id, items.asset)::integer AS account,
            min(items.position) OVER (PARTITION BY items.nonce)::integer AS first_with_nonce
        FROM (
            SELECT
                items.position,
                CASE WHEN items.allowed THEN items.owner_id END COLLATE "C" AS owner_id,
                CASE WHEN items.allowed THEN items.asset END COLLATE "C" AS asset,
                items.operation COLLATE "C" AS operation,
                items.nonce COLLATE "C" AS nonce,
                items.allowed_amount,
                items.amount_defaulted,
                items.metadata,
                items.expires_at,
                items.claim_subject COLLATE "C" AS claim_subject,
                items.spender COLLATE "C" AS spender,
                items.quantity,
                items.unit_amount,
                items.unit_size,
                items.rounding COLLATE "C" AS rounding,
                items.allowed,
                items.claim_limit,
                items.expires_after,
                items.claim_time_zone,
                items.is_budgeted,
                items.grants_classed
            FROM ledger_core.checked_items(record_mixed_batch.app, record_mixed_batch.entries) AS items
            WHERE items.position NOT IN (SELECT already.position FROM unnest(done) AS already)
            OFFSET 0
        ) AS items
    )

    SELECT items.*, accounts.* INTO v_found
    FROM (
        SELECT
            array_agg(sorted.position::integer) AS positions,
            -- In the order of the columns of ledger.entries, but not of that type: an assignment to a variable of it takes
            -- what is missing at the end, such as a column that a migration has just added, for null.
            array_agg((
                NULL::bigint, NULL::bigint, sorted.allowed_amount, NULL::bigint, NULL::timestamptz, v_xact_id,
                sorted.owner_id, sorted.asset, record_mixed_batch.app, sorted.operation, sorted.nonce, NULL::bytea,
                sorted.amount_defaulted, FALSE, sorted.metadata, sorted.expires_at, sorted.claim_subject, NULL::text,
                NULL::boolean, NULL::bigint, NULL::boolean, NULL::integer, NULL::integer, sorted.spender,
                sorted.quantity, sorted.unit_amount, sorted.unit_size, sorted.rounding
            )) AS requests,
            array_agg(sorted.allowed) AS allowed,
            array_agg(sorted.expires_after) AS expires_after,
            array_agg(sorted.claim_time_zone) AS time_zones,
            array_agg(sorted.account) AS account_of,
            array_agg(sorted.first_with_nonce) AS first_with_nonce,
            bool_or(sorted.allowed AND sorted.claim_limit IS NOT NULL) AS has_limits,
            bool_or(sorted.claim_subject IS NOT NULL) AS has_subjects,
            bool_or(sorted.first_with_nonce < sorted.position AND sorted.nonce IS NOT NULL) AS repeats_nonces
        FROM (SELECT * FROM listed ORDER BY listed.position) AS sorted
    ) AS items
    CROSS JOIN (
        SELECT
            array_agg(keys.owner_id) AS owners,
            array_agg(keys.asset) AS assets,
            array_agg(keys.debits) AS debits,
            array_agg(keys.gets_lots) AS gets_lots,
            array_agg(keys.is_budgeted) AS is_budgeted,
            array_agg(keys.grants_classed) AS grants_classed
        FROM (
            SELECT
                listed.owner_id,
                listed.asset,
                least(-sum(least(listed.allowed_amount, 0)), ledger_core.max_amount())::bigint AS debits,
                bool_or(num_nonnulls(listed.expires_at, listed.expires_after) > 0) AS gets_lots,
                coalesce(bool_or(listed.is_budgeted), FALSE) AS is_budgeted,
                coalesce(bool_or(listed.grants_classed), FALSE) AS grants_classed
            FROM listed
            GROUP BY listed.account, listed.owner_id, listed.asset
            ORDER BY listed.account
        ) AS keys
    ) AS accounts;
    v_positions := v_found.positions;
    v_allowed := v_found.allowed;
    v_expires_after := v_found.expires_after;
    v_time_zones := v_found.time_zones;
    v_account_of := v_found.account_of;
    v_first_with_nonce := v_found.first_with_nonce;
    v_has_limits := v_found.has_limits;
    v_has_subjects := v_found.has_subjects;
    v_repeats_nonces := v_found.repeats_nonces;
    v_owners := v_found.owners;
    v_assets := v_found.assets;
    v_debits := v_found.debits;
    v_gets_lots := v_found.gets_lots;
    v_is_budgeted := v_found.is_budgeted;
    v_grants_classed := v_found.grants_classed;
    IF v_positions IS NULL THEN
        RETURN done;
    END IF;
    FOREACH v_entry IN ARRAY v_found.requests LOOP
        v_requests := v_requests || v_entry;
    END LOOP;

    IF cardinality(done) > 0 THEN
        -- Waiting for locks now, out of order, could deadlock with another batch. SKIP LOCKED rather than NOWAIT, whose
        -- error would have to be caught: see the rule on EXCEPTION blocks in sql/README.md.
        IF EXISTS (
            SELECT 1
            FROM unnest(v_owners, v_assets) AS keys (owner_id, asset)
            CROSS JOIN LATERAL (
                SELECT 1 FROM ledger.accounts
                WHERE accounts.owner_id = keys.owner_id AND accounts.asset = keys.asset
            ) AS existing
            LEFT JOIN LATERAL (
                SELECT TRUE AS is_locked FROM ledger.accounts
                WHERE accounts.owner_id = keys.owner_id AND accounts.asset = keys.asset
                FOR NO KEY UPDATE SKIP LOCKED
            ) AS locked ON TRUE
            WHERE locked.is_locked IS NULL
        ) THEN
            RAISE serialization_failure USING MESSAGE = 'An account of a batch is locked.';
        END IF;
    END IF;
    LOOP
        SELECT
            array_agg(locked.row_address), array_agg(locked.balance), array_agg(locked.held),
            array_agg(locked.min_balance), array_agg(coalesce(locked.last_seq, 0)), array_agg(locked.next_due_at),
            array_agg(locked.frozen_at), array_agg(coalesce(locked.head_hash, ledger_core.zero_hash())),
            array_agg(coalesce(locked.has_budgets, FALSE)), max(locked.last_entry_at), min(locked.next_due_at),
            coalesce(bool_or(locked.debt > 0), FALSE)
        INTO
            v_addresses, v_balances, v_held, v_floors, v_seqs, v_due, v_frozen, v_hashes,
            v_has_budgets, v_latest, v_soonest, v_in_debt
        FROM unnest(v_owners, v_assets) AS keys (owner_id, asset)
        -- One look-up by key for each account, in the order of the keys, as everywhere.
        LEFT JOIN LATERAL (
            SELECT
                accounts.ctid AS row_address,
                accounts.balance,
                accounts.held,
                accounts.min_balance,
                accounts.debt,
                accounts.last_seq,
                accounts.last_entry_at,
                accounts.next_due_at,
                accounts.frozen_at,
                accounts.head_hash,
                accounts.has_budgets
            FROM ledger.accounts
            WHERE accounts.owner_id = keys.owner_id AND accounts.asset = keys.asset
            FOR NO KEY UPDATE
        ) AS locked ON TRUE;
        EXIT WHEN v_now IS NOT NULL;

        v_now := ledger_core.clock();
        -- An account whose last entry is younger than the clock has a time of its own, and credits of one in debt fill that
        -- first: leave both to single calls.
        v_left := array_fill(FALSE, ARRAY[cardinality(v_owners)]);
        IF v_latest > v_now OR v_in_debt THEN
            v_left := ARRAY(
                SELECT coalesce(accounts.last_entry_at > v_now OR accounts.debt > 0, FALSE)
                FROM unnest(v_owners, v_assets) AS keys (owner_id, asset)
                LEFT JOIN LATERAL (
                    SELECT accounts.last_entry_at, accounts.debt FROM ledger.accounts
                    WHERE accounts.owner_id = keys.owner_id AND accounts.asset = keys.asset
                    OFFSET 0
                ) AS accounts ON TRUE
            );
        END IF;
        -- As are credits of a class, a priority or a limited use, which have another order than the one below.
        IF v_soonest < 'infinity' OR TRUE = ANY (v_grants_classed) THEN
            v_left := ARRAY(
                SELECT keys.is_left OR keys.grants_classed OR (
                    keys.next_due_at < 'infinity' AND (
                        EXISTS (
                            SELECT 1 FROM ledger.lots
                            WHERE lots.owner_id = keys.owner_id AND lots.asset = keys.asset AND lots.remaining > 0
                                AND ledger_core.is_classed(
                                    lots.credit_class, lots.priority, lots.usable_for, lots.usable_in
                                )
                        )
                        -- Settling is about to bring them.
                        OR (keys.next_due_at <= v_now AND EXISTS (
                            SELECT 1 FROM ledger.allowances
                            WHERE allowances.owner_id = keys.owner_id AND allowances.asset = keys.asset
                                AND allowances.next_at <= v_now
                                AND ledger_core.is_classed(
                                    allowances.credit_class, allowances.priority, allowances.usable_for,
                                    allowances.usable_in
                                )
                        ))
                    )
                ) IS TRUE
                FROM unnest(v_owners, v_assets, v_due, v_left, v_grants_classed)
                    AS keys (owner_id, asset, next_due_at, is_left, grants_classed)
            );
        END IF;
        FOR v_account IN 1 .. cardinality(v_owners) LOOP
            CONTINUE WHEN NOT v_is_budgeted[v_account] OR v_has_budgets[v_account];
            IF v_addresses[v_account] IS NULL THEN
                v_left[v_account] := TRUE; -- Its account may have to be refused.
            ELSE
                UPDATE ledger.accounts SET has_budgets = TRUE
                WHERE owner_id = v_owners[v_account] AND asset = v_assets[v_account];
                v_begun := TRUE;
            END IF;
        END LOOP;
        EXIT WHEN (v_soonest > v_now) IS NOT FALSE AND NOT v_begun;

        v_settled := array_fill(FALSE, ARRAY[cardinality(v_owners)]);
        FOR v_account IN 1 .. cardinality(v_owners) LOOP
            CONTINUE WHEN v_left[v_account] OR (v_due[v_account] > v_now) IS NOT FALSE;
            IF wary THEN
                v_left[v_account] := TRUE;
            ELSE
                PERFORM ledger_core.settle(v_owners[v_account], v_assets[v_account], v_now);
                v_settled[v_account] := TRUE;
            END IF;
        END LOOP;
    END LOOP;

    v_answered := array_fill(FALSE, ARRAY[cardinality(v_owners)]);
    v_changed := v_answered;
    v_respent := v_answered;
    v_first_lots := array_fill(NULL::integer, ARRAY[cardinality(v_owners)]);
    v_last_lots := v_first_lots;
    v_in_lots := array_fill(0::bigint, ARRAY[cardinality(v_owners)]);
    IF v_soonest < 'infinity' THEN
        SELECT
            array_agg(lots.row_address), array_agg(keys.account::integer), array_agg(lots.seq), array_agg(lots.amount),
            array_agg(lots.remaining), array_agg(lots.held), array_agg(lots.expires_at)
        INTO
            v_lot_addresses, v_lot_accounts, v_lot_seqs, v_lot_amounts, v_lot_remaining, v_lot_held, v_lot_expiries
        FROM unnest(v_owners, v_assets, v_due, v_debits) WITH ORDINALITY
            AS keys (owner_id, asset, next_due_at, debits, account)
        -- No more than the items can use up, and one that is left: each has a credit at least.
        CROSS JOIN LATERAL (
            SELECT lots.ctid AS row_address, lots.seq, lots.amount, lots.remaining, lots.held, lots.expires_at
            FROM ledger.lots
            WHERE lots.owner_id = keys.owner_id AND lots.asset = keys.asset
                AND lots.remaining > 0 AND lots.remaining > lots.held
            -- ledger_core.spending_order, of lots that have nothing else
            ORDER BY lots.expires_at, lots.seq
            LIMIT keys.debits + 1
        ) AS lots
        WHERE keys.next_due_at < 'infinity';
        -- Only with an overdraft can more be in lots than the balance; see ledger_core.grant_lot.
        IF TRUE = ANY (v_gets_lots) THEN
            v_in_lots := ARRAY(
                SELECT
                    CASE WHEN keys.gets_lots AND keys.min_balance < 0 THEN (
                        SELECT coalesce(sum(lots.remaining), 0)::bigint FROM ledger.lots
                        WHERE lots.owner_id = keys.owner_id AND lots.asset = keys.asset AND lots.remaining > 0
                    ) ELSE 0 END
                FROM unnest(v_owners, v_assets, v_floors, v_gets_lots) AS keys (owner_id, asset, min_balance, gets_lots)
            );
        END IF;
    END IF;
    v_lots_before := coalesce(cardinality(v_lot_seqs), 0);
    v_next_lots := array_fill(NULL::integer, ARRAY[v_lots_before]);
    v_lot_taken := array_fill(FALSE, ARRAY[v_lots_before]);
    FOR v_lot IN 1 .. v_lots_before LOOP
        v_account := v_lot_accounts[v_lot];
        IF v_first_lots[v_account] IS NULL THEN
            v_first_lots[v_account] := v_lot;
        ELSE
            v_next_lots[v_lot - 1] := v_lot;
        END IF;
        v_last_lots[v_account] := v_lot;
    END LOOP;

    -- Nonces that are taken: by an entry, and if wary, by a hold
    SELECT array_agg(taken.entry), array_agg(items.position)
    INTO v_kept, v_kept_at
    FROM unnest(v_requests) WITH ORDINALITY AS requests
    CROSS JOIN LATERAL (SELECT v_positions[requests.ordinality] AS "position") AS items
    CROSS JOIN LATERAL (
        SELECT kept AS entry
        FROM ledger.entries AS kept
        WHERE kept.app = record_mixed_batch.app AND kept.nonce = requests.nonce
        OFFSET 0
    ) AS taken;
    v_kept_by := array_fill(NULL::integer, ARRAY[jsonb_array_length(entries)]);
    v_recorded_by := v_kept_by;
    v_held_nonces := v_kept_by;
    FOR v_by IN 1 .. coalesce(cardinality(v_kept), 0) LOOP
        v_kept_by[v_kept_at[v_by]] := v_by;
    END LOOP;
    IF wary THEN
        FOR v_by IN
            SELECT requests.ordinality
            FROM unnest(v_requests) WITH ORDINALITY AS requests
            CROSS JOIN LATERAL (
                SELECT 1 FROM ledger_core.nonces
                WHERE nonces.app = record_mixed_batch.app AND nonces.nonce = requests.nonce
                OFFSET 0
            ) AS taken
        LOOP
            v_held_nonces[v_positions[v_by]] := v_by;
        END LOOP;
    END IF;

    IF v_has_limits THEN
        v_of_owner := array_fill(NULL::integer, ARRAY[cardinality(v_positions)]);
        v_of_subject := v_of_owner;
        v_elsewhere := array_fill(FALSE, ARRAY[cardinality(v_positions)]);
        IF v_is_partition AND v_has_subjects THEN
            SELECT
                array_agg(coalesce(
                    v_allowed[requests.ordinality] AND rules.claim_limit IS NOT NULL
                    AND NOT ledger_core.keeps_owner(requests.claim_subject),
                    FALSE
                ) ORDER BY requests.ordinality),
                array_agg(
                    ledger_core.item_time(entries -> (v_positions[requests.ordinality] - 1) ->> 'claim_deadline')
                    ORDER BY requests.ordinality
                )
            INTO v_elsewhere, v_deadlines
            FROM unnest(v_requests) WITH ORDINALITY AS requests
            LEFT JOIN ledger.operations AS rules ON requests.operation = rules.operation;
        END IF;
        v_limits := '{}';
        v_next_slots := '{}';
        v_last_slots := '{}';
        FOR v_found IN
            SELECT
                numbered.item,
                numbered.subject_kind,
                numbered.number::integer AS number,
                CASE WHEN numbered.nth = 1 THEN (
                    numbered.operation, numbered.subject_kind, numbered.subject, numbered.scope_app,
                    numbered.period_start, NULL, NULL, NULL, NULL
                )::ledger.claims END AS taken,
                CASE WHEN numbered.nth = 1 THEN ARRAY(
                    SELECT slots.slot
                    FROM generate_series(1, numbered.claim_limit) AS slots (slot)
                    WHERE NOT EXISTS (
                        SELECT 1 FROM ledger.claims
                        WHERE claims.operation = numbered.operation
                            AND claims.subject_kind = numbered.subject_kind AND claims.subject = numbered.subject
                            AND claims.scope_app = numbered.scope_app
                            AND claims.period_start = numbered.period_start AND claims.slot = slots.slot
                    )
                    ORDER BY slots.slot
                    LIMIT numbered.items
                ) END AS slots
            FROM (
                SELECT
                    limited.*,
                    dense_rank() OVER so_far AS number,
                    row_number() OVER same AS nth,
                    count(*) OVER same AS items
                FROM (
                    SELECT
                        requests.ordinality::integer AS item,
                        requests.operation,
                        rules.claim_limit,
                        subjects.kind COLLATE "C" AS subject_kind,
                        subjects.subject COLLATE "C" AS subject,
                        ledger_core.claim_scope_app(rules.claim_scope, record_mixed_batch.app) COLLATE "C" AS scope_app,
                        ledger_core.claim_period_start(rules.claim_period, rules.claim_time_zone, v_now) AS period_start
                    FROM unnest(v_requests) WITH ORDINALITY AS requests
                    CROSS JOIN LATERAL (
                        SELECT
                            operations.claim_limit,
                            operations.claim_period,
                            operations.claim_scope,
                            operations.claim_time_zone
                        FROM ledger.operations
                        WHERE operations.operation = requests.operation AND operations.claim_limit IS NOT NULL
                        OFFSET 0
                    ) AS rules
                    CROSS JOIN LATERAL (
                        VALUES ('owner', requests.owner_id), ('claim_subject', requests.claim_subject)
                    ) AS subjects (kind, subject)
                    WHERE v_allowed[requests.ordinality] AND subjects.subject IS NOT NULL
                        AND NOT (subjects.kind = 'claim_subject' AND v_elsewhere[requests.ordinality])
                    OFFSET 0
                ) AS limited
                WINDOW
                    so_far AS (ORDER BY limited.operation, limited.subject_kind, limited.subject),
                    same AS (
                        PARTITION BY limited.operation, limited.subject_kind, limited.subject
                        ORDER BY limited.operation, limited.subject_kind, limited.subject
                        ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
                    )
            ) AS numbered
            ORDER BY numbered.number, numbered.nth
        LOOP
            IF v_found.slots IS NOT NULL THEN
                v_claim := v_found.taken;
                v_limits[v_found.number] := v_claim;
                v_next_slots[v_found.number] := cardinality(v_slots) + 1;
                v_slots := v_slots || v_found.slots;
                v_last_slots[v_found.number] := cardinality(v_slots);
            END IF;
            IF v_found.subject_kind = 'owner' THEN
                v_of_owner[v_found.item] := v_found.number;
            ELSE
                v_of_subject[v_found.item] := v_found.number;
            END IF;
        END LOOP;
    END IF;

    IF TRUE = ANY (v_has_budgets) THEN
        v_counters_of := array_fill(NULL::integer, ARRAY[cardinality(v_positions)]);
        LOOP
            v_first_counters := '{}';
            v_last_counters := '{}';
            v_counters := '{}';
            v_use := '{}';
            v_use_addresses := '{}';
            v_most := '{}';
            v_counted := '{}';
            v_begun := FALSE;
            FOR v_found IN
                SELECT
                    kinds.number::integer AS number, kinds.owner_id, kinds.asset, kinds.items, rules.*, kept AS used,
                    kept.ctid AS row_address,
                    dense_rank() OVER (
                        ORDER BY kinds.owner_id, kinds.asset, rules.budget, rules.use_spender
                    )::integer AS counter
                FROM (
                    SELECT
                        requests.owner_id, requests.asset, requests.operation, requests.spender,
                        array_agg(requests.ordinality::integer) AS items,
                        row_number() OVER () AS number
                    FROM unnest(v_requests) WITH ORDINALITY AS requests
                    WHERE requests.amount < 0 AND v_allowed[requests.ordinality]
                        AND v_has_budgets[v_account_of[requests.ordinality]]
                        AND NOT v_left[v_account_of[requests.ordinality]]
                    GROUP BY requests.owner_id, requests.asset, requests.operation, requests.spender
                ) AS kinds
                CROSS JOIN LATERAL ledger_core.budgets_that_apply(kinds.owner_id, kinds.asset, kinds.spender) AS rules
                LEFT JOIN ledger.budget_use AS kept
                    ON kept.owner_id = kinds.owner_id AND kept.asset = kinds.asset AND rules.budget = kept.budget
                    AND rules.use_spender = kept.spender AND rules.use_id = kept.use_id
                    AND kept.period_start <= v_now AND kept.period_end > v_now
                WHERE (rules.app IS NULL OR rules.app = record_mixed_batch.app)
                    AND (rules.operation IS NULL OR rules.operation = kinds.operation)
                ORDER BY number, rules.budget
            LOOP
                IF v_found.row_address IS NULL THEN
                    PERFORM ledger_core.renew_budget_use(
                        v_found.owner_id, v_found.asset, v_found.budget, v_found.rule_spender, v_found.use_spender,
                        v_found.app, v_found.operation, v_found.use_id, periods.since, periods.until
                    )
                    FROM ledger_core.budget_period(v_found.period, v_found.time_zone, v_now) AS periods;
                    v_begun := TRUE;
                END IF;
                CONTINUE WHEN v_begun;
                IF v_first_counters[v_found.number] IS NULL THEN
                    v_first_counters[v_found.number] := cardinality(v_counters) + 1;
                    FOREACH v_by IN ARRAY v_found.items LOOP
                        v_counters_of[v_by] := v_found.number;
                    END LOOP;
                END IF;
                v_counters := v_counters || v_found.counter;
                v_last_counters[v_found.number] := cardinality(v_counters);
                v_use[v_found.counter] := v_found.used;
                v_use_addresses[v_found.counter] := v_found.row_address;
                v_most[v_found.counter] := v_found.most;
                v_spent[v_found.counter] := (v_found.used).spent;
                v_counted[v_found.counter] := FALSE;
            END LOOP;
            EXIT WHEN NOT v_begun;
        END LOOP;
    END IF;

    FOR v_item IN 1 .. cardinality(v_positions) LOOP
        v_entry := v_requests[v_item];
        v_account := v_account_of[v_item];
        v_first := v_first_with_nonce[v_item];
        IF NOT v_allowed[v_item] THEN
            -- Refused, or a retry of what an earlier rule allowed: neither depends on accounts.
            IF v_recorded_by[v_first] IS NOT NULL THEN
                RAISE serialization_failure USING MESSAGE = 'An item of a batch may be a retry of another.';
            END IF;
            v_results := v_results || ledger_core.record_one_item(
                record_mixed_batch.app, entries -> (v_positions[v_item] - 1), v_positions[v_item], FALSE
            );
            CONTINUE;
        ELSIF v_left[v_account] THEN
            IF v_repeats_nonces OR v_has_subjects THEN
                RAISE serialization_failure USING MESSAGE = 'The order of the items of a batch may matter.';
            END IF;
            CONTINUE;
        END IF;

        -- The steps of ledger_core.record_in_steps, in its order
        v_old := NULL;
        v_reason := NULL;
        v_by := v_kept_by[v_first];
        IF v_by IS NOT NULL THEN
            v_old := v_kept[v_by];
        ELSIF v_recorded_by[v_first] IS NOT NULL THEN
            v_old := v_entries[v_recorded_by[v_first]];
        END IF;
        IF v_balances[v_account] IS NULL AND NOT ledger_core.is_addressable(v_entry.owner_id) THEN
            v_reason := 'address';
        ELSIF v_balances[v_account] IS NULL AND v_is_partition AND NOT ledger_core.keeps_owner(v_entry.owner_id) THEN
            v_reason := 'partition';
        ELSIF v_old.entry_id IS NOT NULL THEN
            IF v_old.owner_id = v_entry.owner_id AND ledger_core.is_same_request(v_old, v_entry) THEN
                v_answered[v_account] := TRUE;
                v_results := v_results
                    || ledger_core.as_result(v_positions[v_item], ledger_core.as_recorded(v_old, TRUE));
                CONTINUE;
            END IF;
            v_reason := 'nonce';
        ELSIF v_held_nonces[v_first] IS NOT NULL THEN
            v_reason := 'nonce';
        ELSIF v_frozen[v_account] IS NOT NULL THEN
            v_reason := 'frozen';
        END IF;
        IF v_reason IS NULL THEN
            IF v_entry.expires_at IS NOT NULL THEN
                IF NOT ledger_core.is_expiry(v_entry.expires_at, v_entry.amount, v_now) THEN
                    v_reason := 'expiry';
                END IF;
            ELSIF v_entry.amount > 0 AND v_expires_after[v_item] IS NOT NULL THEN
                v_entry.expires_at := ledger_core.add_interval_in_zone(
                    v_now, v_expires_after[v_item], coalesce(v_time_zones[v_item], 'UTC')
                );
                v_entry.expiry_defaulted := TRUE;
            END IF;
        END IF;
        IF v_reason IS NULL AND v_has_limits AND v_of_owner[v_item] IS NOT NULL THEN
            v_by := v_of_owner[v_item];
            IF v_next_slots[v_by] > v_last_slots[v_by] THEN
                v_reason := 'owner';
            ELSE
                v_entry.claim_slot := v_slots[v_next_slots[v_by]];
                v_by := v_of_subject[v_item];
                IF v_by IS NULL THEN
                    NULL;
                ELSIF v_next_slots[v_by] > v_last_slots[v_by] THEN
                    v_reason := 'claim_subject';
                ELSE
                    v_entry.subject_slot := v_slots[v_next_slots[v_by]];
                END IF;
            END IF;
        END IF;
        v_balance := coalesce(v_balances[v_account], 0) + v_entry.amount;
        IF v_reason IS NOT NULL THEN
            NULL;
        ELSIF v_entry.amount < 0
            AND v_balance - coalesce(v_held[v_account], 0) < coalesce(v_floors[v_account], 0)
        THEN
            v_reason := 'floor';
        ELSIF v_balance > ledger_core.max_amount() THEN
            v_reason := 'most';
        ELSIF v_counters_of[v_item] IS NOT NULL THEN
            FOR v_by IN v_first_counters[v_counters_of[v_item]] .. v_last_counters[v_counters_of[v_item]] LOOP
                v_counter := v_counters[v_by];
                IF v_spent[v_counter] + (v_use[v_counter]).held - v_entry.amount > v_most[v_counter] THEN
                    v_reason := 'budget';
                    EXIT;
                END IF;
            END LOOP;
        END IF;
        IF v_reason IS NULL AND v_elsewhere[v_item] AND (v_deadlines[v_item] >= v_now) IS NOT TRUE THEN
            v_reason := 'reservation';
        END IF;
        IF v_reason IS NOT NULL THEN
            -- Only what is recorded runs into a nonce that a hold has taken.
            IF v_reason NOT IN ('address', 'partition', 'nonce') AND NOT wary AND EXISTS (
                SELECT 1 FROM ledger_core.nonces WHERE app = v_entry.app AND nonce = v_entry.nonce
            ) THEN
                v_reason := 'nonce';
            END IF;
            IF v_reason = 'budget' THEN
                v_results := v_results || ledger_core.refused_by_budget(v_positions[v_item], ledger_core.exceeded_budget(
                    v_entry.owner_id, v_entry.asset, (v_use[v_counter]).budget, nullif((v_use[v_counter]).spender, ''),
                    v_most[v_counter], v_spent[v_counter], (v_use[v_counter]).held, -v_entry.amount,
                    (v_use[v_counter]).period_end
                ));
                CONTINUE;
            END IF;
            v_results := v_results || ledger_core.refused_item(v_positions[v_item], v_reason, v_entry, (
                coalesce(v_balances[v_account], 0), coalesce(v_held[v_account], 0), coalesce(v_floors[v_account], 0),
                v_seqs[v_account], v_due[v_account], v_frozen[v_account], v_now
            )::ledger_core.account_state);
            CONTINUE;
        END IF;

        -- Record it.
        v_entry.entry_id := nextval('ledger_core.entry_ids');
        v_entry.seq := v_seqs[v_account] + 1;
        v_entry.balance_after := v_balance;
        v_entry.recorded_at := v_now;
        v_options := '';
        IF v_entry.expires_at IS NOT NULL OR v_entry.claim_subject IS NOT NULL OR v_entry.claim_slot IS NOT NULL
            OR v_entry.spender IS NOT NULL OR v_entry.quantity IS NOT NULL
        THEN
            v_options := ledger_core.hashed_options(v_entry);
        END IF;
        v_entry.hash := ledger_core.chain_hash(v_hashes[v_account], ledger_core.hashed_entry(
            v_entry, v_options, v_entry.seq, v_balance, v_now
        ));
        v_entries := v_entries || v_entry;
        v_seqs[v_account] := v_entry.seq;
        v_balances[v_account] := v_balance;
        v_hashes[v_account] := v_entry.hash;
        v_answered[v_account] := TRUE;
        v_changed[v_account] := TRUE;
        v_results := v_results
            || ledger_core.as_result(v_positions[v_item], ledger_core.as_recorded(v_entry, FALSE));
        IF v_repeats_nonces THEN
            v_recorded_by[v_first] := cardinality(v_entries);
        END IF;
        IF v_elsewhere[v_item] THEN
            v_first_deadline := least(v_first_deadline, v_deadlines[v_item]);
        END IF;
        IF v_counters_of[v_item] IS NOT NULL THEN
            FOR v_by IN v_first_counters[v_counters_of[v_item]] .. v_last_counters[v_counters_of[v_item]] LOOP
                v_counter := v_counters[v_by];
                v_spent[v_counter] := v_spent[v_counter] - v_entry.amount;
                v_counted[v_counter] := TRUE;
            END LOOP;
        END IF;
        IF v_entry.claim_slot IS NOT NULL THEN
            v_by := v_of_owner[v_item];
            v_next_slots[v_by] := v_next_slots[v_by] + 1;
            v_claim := v_limits[v_by];
            v_claim.slot := v_entry.claim_slot;
            v_claim.owner_id := v_entry.owner_id;
            v_claim.asset := v_entry.asset;
            v_claim.seq := v_entry.seq;
            v_claims := v_claims || v_claim;
            IF v_entry.subject_slot IS NOT NULL THEN
                v_by := v_of_subject[v_item];
                v_next_slots[v_by] := v_next_slots[v_by] + 1;
                v_claim := v_limits[v_by];
                v_claim.slot := v_entry.subject_slot;
                v_claim.owner_id := v_entry.owner_id;
                v_claim.asset := v_entry.asset;
                v_claim.seq := v_entry.seq;
                v_claims := v_claims || v_claim;
            END IF;
        END IF;

        IF v_entry.expires_at IS NOT NULL THEN
            -- As ledger_core.grant_lot: what pays off an overdraft is spent at once and does not expire.
            v_part := 0;
            IF v_floors[v_account] < 0 THEN
                v_part := least(
                    v_entry.amount, greatest(0, v_in_lots[v_account] - (v_balance - v_entry.amount))
                );
            END IF;
            IF v_part > 0 THEN
                v_movements := v_movements || (
                    v_entry.owner_id, v_entry.asset, v_entry.seq, v_entry.seq, v_part
                )::ledger.lot_movements;
            END IF;
            v_lot := coalesce(cardinality(v_lot_seqs), 0) + 1;
            v_lot_accounts[v_lot] := v_account;
            v_lot_seqs[v_lot] := v_entry.seq;
            v_lot_amounts[v_lot] := v_entry.amount;
            v_lot_remaining[v_lot] := v_entry.amount - v_part;
            v_lot_held[v_lot] := 0;
            v_lot_expiries[v_lot] := v_entry.expires_at;
            v_next_lots[v_lot] := NULL;
            v_lot_taken[v_lot] := FALSE;
            v_in_lots[v_account] := v_in_lots[v_account] + v_lot_remaining[v_lot];
            v_respent[v_account] := TRUE;
            -- Most credits expire after those that are there already.
            v_before := v_last_lots[v_account];
            IF v_before IS NULL THEN
                v_first_lots[v_account] := v_lot;
                v_last_lots[v_account] := v_lot;
            ELSIF v_lot_expiries[v_before] <= v_entry.expires_at THEN
                v_next_lots[v_before] := v_lot;
                v_last_lots[v_account] := v_lot;
            ELSIF v_entry.expires_at < v_lot_expiries[v_first_lots[v_account]] THEN
                v_next_lots[v_lot] := v_first_lots[v_account];
                v_first_lots[v_account] := v_lot;
            ELSE
                v_before := v_first_lots[v_account];
                WHILE v_lot_expiries[v_next_lots[v_before]] <= v_entry.expires_at LOOP
                    v_before := v_next_lots[v_before];
                END LOOP;
                v_next_lots[v_lot] := v_next_lots[v_before];
                v_next_lots[v_before] := v_lot;
            END IF;
        ELSIF v_entry.amount < 0 AND v_first_lots[v_account] IS NOT NULL THEN
            -- As ledger_core.take_lots: soonest to expire first, without what holds reserve.
            v_left_to_take := -v_entry.amount;
            v_lot := v_first_lots[v_account];
            LOOP
                v_part := least(v_left_to_take, v_lot_remaining[v_lot] - v_lot_held[v_lot]);
                IF v_part > 0 THEN
                    v_movements := v_movements || (
                        v_entry.owner_id, v_entry.asset, v_entry.seq, v_lot_seqs[v_lot], v_part
                    )::ledger.lot_movements;
                    v_lot_remaining[v_lot] := v_lot_remaining[v_lot] - v_part;
                    v_in_lots[v_account] := v_in_lots[v_account] - v_part;
                    v_respent[v_account] := v_respent[v_account] OR v_lot_remaining[v_lot] = v_lot_held[v_lot];
                    v_left_to_take := v_left_to_take - v_part;
                    IF v_lot <= v_lots_before AND NOT v_lot_taken[v_lot] THEN
                        v_lot_taken[v_lot] := TRUE;
                        v_taken_lots := v_taken_lots || v_lot;
                    END IF;
                END IF;
                EXIT WHEN v_left_to_take = 0;
                -- Nothing is free in this lot any more, nor will be: no hold ends within a batch.
                v_lot := v_next_lots[v_lot];
                v_first_lots[v_account] := v_lot;
                IF v_lot IS NULL THEN
                    v_last_lots[v_account] := NULL;
                    EXIT;
                END IF;
            END LOOP;
        END IF;
    END LOOP;

    -- A single call that is refused settles nothing.
    IF v_settled IS NOT NULL THEN
        FOR v_account IN 1 .. cardinality(v_owners) LOOP
            IF v_settled[v_account] AND NOT v_answered[v_account] THEN
                RAISE serialization_failure USING MESSAGE = 'Nothing was recorded for an account that was settled.';
            END IF;
        END LOOP;
    END IF;
    IF cardinality(v_entries) = 0 THEN
        RETURN v_results;
    END IF;

    -- When the next credits expire, where that may have changed; holds and allowances follow below.
    FOR v_account IN 1 .. cardinality(v_owners) LOOP
        CONTINUE WHEN NOT v_respent[v_account];
        v_lot := v_first_lots[v_account];
        WHILE v_lot_remaining[v_lot] = v_lot_held[v_lot] LOOP
            v_lot := v_next_lots[v_lot];
        END LOOP;
        v_due[v_account] := coalesce(v_lot_expiries[v_lot], 'infinity');
    END LOOP;

    v_expected := 0;
    FOR v_account IN 1 .. cardinality(v_owners) LOOP
        IF v_changed[v_account] AND v_addresses[v_account] IS NULL THEN
            v_expected := v_expected + 1;
        END IF;
    END LOOP;
    IF v_expected > 0 THEN
        INSERT INTO ledger.accounts (owner_id, asset, balance, last_seq, last_entry_at, next_due_at, head_hash)
        SELECT
            made.owner_id, made.asset, made.balance, made.last_seq, v_now, coalesce(made.next_due_at, 'infinity'),
            made.head_hash
        FROM unnest(v_owners, v_assets, v_addresses, v_balances, v_seqs, v_due, v_hashes, v_changed) WITH ORDINALITY
            AS made (owner_id, asset, row_address, balance, last_seq, next_due_at, head_hash, is_changed, account)
        WHERE made.is_changed AND made.row_address IS NULL
        ORDER BY made.account
        ON CONFLICT DO NOTHING;
        GET DIAGNOSTICS v_count = ROW_COUNT;
        IF v_count <> v_expected THEN
            RAISE serialization_failure USING MESSAGE = 'An account was created while a batch was under way.';
        END IF;
    END IF;
    INSERT INTO ledger_core.nonces (app, nonce)
    SELECT record_mixed_batch.app, recorded.nonce
    FROM unnest(v_entries) AS recorded
    ORDER BY recorded.nonce
    ON CONFLICT DO NOTHING;
    GET DIAGNOSTICS v_count = ROW_COUNT;
    IF v_count <> cardinality(v_entries) THEN
        RAISE serialization_failure USING MESSAGE = 'A nonce of a batch is taken.';
    ELSIF v_first_deadline < ledger_core.clock() THEN
        -- As ledger_core.check_reservation: only when the nonces are taken.
        RAISE serialization_failure USING MESSAGE = 'A reservation has lapsed while a batch was under way.';
    END IF;
    IF cardinality(v_claims) > 0 THEN
        INSERT INTO ledger.claims
        SELECT claimed.*
        FROM unnest(v_claims) AS claimed
        ORDER BY claimed.operation, claimed.subject_kind, claimed.subject, claimed.slot
        ON CONFLICT DO NOTHING;
        GET DIAGNOSTICS v_count = ROW_COUNT;
        IF v_count <> cardinality(v_claims) THEN
            RAISE serialization_failure USING MESSAGE = 'A claim was made while a batch was under way.';
        END IF;
    END IF;
    INSERT INTO ledger.entries SELECT recorded.* FROM unnest(v_entries) AS recorded;

    UPDATE ledger.accounts
    SET
        balance = changes.balance,
        last_seq = changes.last_seq,
        last_entry_at = v_now,
        next_due_at = CASE
            WHEN NOT changes.is_respent THEN accounts.next_due_at
            ELSE least(
                changes.next_due_at,
                (SELECT due_at FROM ledger_core.next_allowance(accounts.owner_id, accounts.asset)),
                CASE WHEN accounts.held > 0 THEN (
                    SELECT min(holds.expires_at) FROM ledger.holds
                    WHERE holds.owner_id = accounts.owner_id AND holds.asset = accounts.asset AND holds.status = 'open'
                ) END
            )
        END,
        head_hash = changes.head_hash
    FROM unnest(v_addresses, v_balances, v_seqs, v_due, v_hashes, v_changed, v_respent)
        AS changes (row_address, balance, last_seq, next_due_at, head_hash, is_changed, is_respent)
    WHERE accounts.ctid = changes.row_address AND changes.is_changed AND changes.row_address IS NOT NULL;
    GET DIAGNOSTICS v_count = ROW_COUNT;
    FOR v_account IN 1 .. cardinality(v_owners) LOOP
        IF v_changed[v_account] AND v_addresses[v_account] IS NOT NULL THEN
            v_count := v_count - 1;
        END IF;
    END LOOP;
    IF v_count <> 0 THEN
        RAISE serialization_failure USING MESSAGE = 'An account moved while a batch was under way.';
    END IF;
    IF cardinality(v_counters) > 0 THEN
        UPDATE ledger.budget_use
        SET spent = changes.spent
        FROM (
            SELECT counted.row_address, counted.spent
            FROM unnest(v_use_addresses, v_spent, v_counted) AS counted (row_address, spent, is_changed)
            WHERE counted.is_changed
            OFFSET 0
        ) AS changes
        WHERE budget_use.ctid = changes.row_address;
        GET DIAGNOSTICS v_count = ROW_COUNT;
        IF v_count <> cardinality(array_positions(v_counted, TRUE)) THEN
            RAISE serialization_failure USING MESSAGE = 'What a budget counts moved while a batch was under way.';
        END IF;
    END IF;
    IF cardinality(v_taken_lots) > 0 THEN
        UPDATE ledger.lots
        SET remaining = changes.remaining
        FROM (
            SELECT v_lot_addresses[taken.lot] AS row_address, v_lot_remaining[taken.lot] AS remaining
            FROM unnest(v_taken_lots) AS taken (lot)
            OFFSET 0
        ) AS changes
        WHERE lots.ctid = changes.row_address;
        GET DIAGNOSTICS v_count = ROW_COUNT;
        IF v_count <> cardinality(v_taken_lots) THEN
            RAISE serialization_failure USING MESSAGE = 'A lot moved while a batch was under way.';
        END IF;
    END IF;
    IF cardinality(v_lot_seqs) > v_lots_before THEN
        INSERT INTO ledger.lots (owner_id, asset, seq, amount, remaining, expires_at)
        SELECT
            v_owners[v_lot_accounts[made.lot]], v_assets[v_lot_accounts[made.lot]], v_lot_seqs[made.lot],
            v_lot_amounts[made.lot], v_lot_remaining[made.lot], v_lot_expiries[made.lot]
        FROM generate_series(v_lots_before + 1, cardinality(v_lot_seqs)) AS made (lot);
    END IF;
    IF cardinality(v_movements) > 0 THEN
        INSERT INTO ledger.lot_movements SELECT moved.* FROM unnest(v_movements) AS moved;
    END IF;
    RETURN v_results;
END
$$;

COMMENT ON FUNCTION ledger_core.record_mixed_batch IS
'Records the items of a batch that have no result yet, of whatever kind, with the meaning of single calls one after the
other. Returns done and the new results in any order; items without one are left to ledger_core.record_one_item.
done: results of items that this transaction has recorded. wary: leave accounts on which something is due to single calls,
and expect nonces that holds have taken.
Raises 40001 or 23505 if another transaction has interfered, or the batch has a combination that is not handled here:
roll back to before the call.';
