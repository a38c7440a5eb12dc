-- Functions that answer more now, with another type. The types of release 0.1 stay for programs that name them.
DO $$
DECLARE
    v_function regprocedure;
BEGIN
    FOR v_function IN
        SELECT pg_proc.oid::regprocedure
        FROM pg_proc
        INNER JOIN pg_type ON pg_proc.prorettype = pg_type.oid
        WHERE pg_type.typnamespace = 'ledger'::regnamespace
            AND pg_type.typname IN ('entry', 'recorded_entry', 'batch_result', '_batch_result', 'feed_entry', 'hold')
            AND (
                (pg_proc.pronamespace = 'ledger'::regnamespace AND pg_proc.proname IN (
            'adjust_balance', 'capture_hold', 'entries_after', 'entries_of', 'extend_hold', 'grow_hold', 'holds_of',
            'place_hold', 'record_entries', 'record_entry', 'release_hold', 'reverse_by_hand', 'reverse_entry'
                ))
                OR (pg_proc.pronamespace = 'ledger_core'::regnamespace AND pg_proc.proname IN (
            'as_entry', 'as_hold', 'as_recorded', 'as_result', 'batch_refusal', 'grow_hold', 'open_hold',
            'record_at_once', 'record_in_steps', 'record_mixed_batch', 'record_plain_batch', 'refused_by_budget',
            'refused_item', 'replay_of', 'replay_of_hold', 'spend_hold', 'take_back', 'write_entry'
                ))
            )
    LOOP
        EXECUTE format('DROP FUNCTION %s', v_function);
    END LOOP;
END
$$;
