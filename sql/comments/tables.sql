-- Comments on tables and types that were worded worse in the migrations which created them. Migrations are not edited.
-- Writes only what differs. Leaves a table that is locked, by VACUUM for example, to the next `ledger migrate`.
DO $$
DECLARE
    v_comment record;
BEGIN
    FOR v_comment IN
        SELECT wanted.kind, wanted.name, wanted.meaning
        FROM (VALUES
            (
                'TABLE', 'accounts',
                'One owner''s balance in one asset, as of the last entry. ledger.account_balances shows it as of now.'
            ),
            (
                'TABLE', 'app_operations',
                'The set of operations of each app, with its own default and bounds, if it has any. ledger.operation_sets'
                || ' shows the rules in force.'
            ),
            (
                'TABLE', 'claims',
                'The slots of claim limits that are taken. The primary key enforces the limits, however many callers there are.'
            ),
            (
                'TABLE', 'operation_changes',
                'Every change of the catalogue, with its time, role and what it left: operations (so that the price of any day'
                || ' can be looked up), apps, the apps'' own bounds, the logins that may record for apps, and the generations'
                || ' of transaction ids. Append only.'
            ),
            (
                'TABLE', 'operator_actions',
                'Adjustments, reversals, floors, freezes, budgets and ends of allowances by hand, with actor, reason, database'
                || ' role and the values before and after. Append only.'
            ),
            ('TYPE', 'batch_result', 'As batch_row, without what releases after 0.1 added.'),
            ('TYPE', 'batch_row', 'The result of one item of a batch: the entry, or its refusal.'),
            ('TYPE', 'discrepancy', 'Something that is wrong in the books.'),
            ('TYPE', 'entry', 'As entry_row, without what releases after 0.1 added.'),
            ('TYPE', 'entry_row', 'An entry.'),
            ('TYPE', 'feed_entry', 'As feed_row, without what releases after 0.1 added.'),
            ('TYPE', 'feed_row', 'An entry of the change feed, with its position there.'),
            ('TYPE', 'hold', 'As hold_row, without what releases after 0.1 added.'),
            ('TYPE', 'hold_row', 'A hold, as it is now.'),
            ('TYPE', 'recorded_entry', 'As recorded_row, without what releases after 0.1 added.'),
            ('TYPE', 'recorded_row', 'The entry that a call recorded, or that an earlier call had recorded for the same request.')
        ) AS wanted (kind, name, meaning)
        WHERE wanted.meaning IS DISTINCT FROM CASE wanted.kind
            WHEN 'TABLE' THEN obj_description(to_regclass('ledger.' || wanted.name), 'pg_class')
            ELSE obj_description(to_regtype('ledger.' || wanted.name), 'pg_type')
        END
    LOOP
        BEGIN
            IF v_comment.kind = 'TABLE' THEN
                EXECUTE format('LOCK TABLE ledger.%I IN SHARE UPDATE EXCLUSIVE MODE NOWAIT', v_comment.name);
            END IF;
            EXECUTE format('COMMENT ON %s ledger.%I IS %L', v_comment.kind, v_comment.name, v_comment.meaning);
        EXCEPTION
            WHEN lock_not_available THEN
                RAISE WARNING 'ledger.% is locked: the next `ledger migrate` writes its comment', v_comment.name;
        END;
    END LOOP;
END
$$;
