-- A function of its own, and so not parallel safe: starting workers to sort a batch would cost far more
-- than they save.
CREATE OR REPLACE FUNCTION ledger_core.plain_results(
    app text,
    owner_ids text [],
    assets text [],
    operations text [],
    nonces text [],
    amounts bigint [],
    metadatas jsonb [],
    seqs bigint [],
    balances bigint [],
    entry_ids bigint [],
    recorded_ats timestamptz []
)
RETURNS SETOF ledger.batch_result
LANGUAGE plpgsql
IMMUTABLE
PARALLEL UNSAFE
AS $$
BEGIN
    RETURN QUERY
    SELECT
        done."position"::integer, done.entry_id, done.seq, done.owner_id, done.asset, plain_results.app, done.operation,
        done.amount, done.balance, done.nonce, done.metadata, NULL::timestamptz, NULL, NULL::bigint, done.recorded_at,
        FALSE, NULL, NULL, NULL::jsonb, NULL
    FROM unnest(
        entry_ids, seqs, owner_ids, assets, operations, amounts, balances, nonces, metadatas, recorded_ats
    ) WITH ORDINALITY AS done (
        entry_id, seq, owner_id, asset, operation, amount, balance, nonce, metadata, recorded_at, "position"
    )
    WHERE done.seq IS NOT NULL;
END
$$;

COMMENT ON FUNCTION ledger_core.plain_results(
    text, text [], text [], text [], text [], bigint [], jsonb [], bigint [], bigint [], bigint [], timestamptz []
) IS
'The results of those items of a batch (arrays by position) that ledger_core.record_plain_entries recorded.';
