CREATE OR REPLACE FUNCTION ledger.grant_allowance(
    app text,
    owner_id text,
    operation text,
    nonce text,
    amount bigint DEFAULT NULL,
    period text DEFAULT 'month',
    starts_at timestamptz DEFAULT NULL,
    time_zone text DEFAULT 'UTC',
    carry_over_most bigint DEFAULT 0,
    carry_over_for integer DEFAULT 1,
    occurrences integer DEFAULT NULL,
    ends_at timestamptz DEFAULT NULL,
    metadata jsonb DEFAULT NULL
)
RETURNS ledger.allowance
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    v_allowance ledger.allowances;
BEGIN
    PERFORM ledger_core.check_request(
        grant_allowance.owner_id, grant_allowance.nonce, grant_allowance.metadata, NULL
    );
    PERFORM ledger_core.check_nonce(grant_allowance.app, grant_allowance.nonce);
    PERFORM ledger_core.check_addressable('nonce', grant_allowance.nonce);
    PERFORM ledger_core.check_authorized(grant_allowance.app);
    v_allowance.owner_id := grant_allowance.owner_id;
    v_allowance.app := grant_allowance.app;
    v_allowance.nonce := grant_allowance.nonce;
    v_allowance.operation := grant_allowance.operation;
    v_allowance.amount := grant_allowance.amount;
    v_allowance.period := grant_allowance.period;
    v_allowance.starts_at := grant_allowance.starts_at;
    v_allowance.time_zone := grant_allowance.time_zone;
    v_allowance.carry_over_most := grant_allowance.carry_over_most;
    v_allowance.carry_over_for := grant_allowance.carry_over_for;
    v_allowance.occurrences := grant_allowance.occurrences;
    v_allowance.ends_at := grant_allowance.ends_at;
    v_allowance.metadata := grant_allowance.metadata;
    PERFORM ledger_core.check_allowance(v_allowance);
    SELECT asset INTO v_allowance.asset
    FROM ledger_core.rules_in_force
    WHERE app = grant_allowance.app AND operation = grant_allowance.operation;
    IF NOT FOUND THEN
        PERFORM ledger_core.check_allowed(grant_allowance.app, grant_allowance.operation, NULL, NULL);
    END IF;
    RETURN ledger_core.grant_allowance(v_allowance, ledger_core.noted_allowance(v_allowance));
END
$$;

COMMENT ON FUNCTION ledger.grant_allowance IS
'Grants credits that come at the beginning of every period, and returns the allowance; replayed is true if the same request had
granted it before. Nothing has to run for it: whatever reads or writes the account first finds the credits there.
operation: a credit of the app''s set without claim limit. amount: how many come each time, a positive number of whole units
within the bounds of the operation; null: its default of now. The nonce (at most 200 characters) names the allowance.
period: day, week, month, quarter or year, counted from starts_at on the wall clock of time_zone (an IANA name): 31 January, 28
February, 31 March. Null: the credits come once, at starts_at, and expire as the operation says. starts_at: null: now; a time
that has passed: the period that it is now comes at once. Credits expire when the next period begins.
carry_over_most: how many of what is left then go on as an entry CARRY_OVER, for carry_over_for periods (1 to 60) more. Of
periods that go by without a read or write only what is carried over from them is recorded.
occurrences: how often they come; ends_at: when they stop coming; null: never. metadata: kept in each entry. At most 20
allowances of an account can be under way, and they carry over for at most 120 periods, all together. Raises LG001, LG002, LG101, LG102, LG103, LG201, LG303, LG311, LG401.';
