-- What is typed is looked up through the indexes that recording needs: their first column is the app or the operation,
-- and the catalogue has few of both.
CREATE OR REPLACE FUNCTION ledger.find("text" text, max_rows integer DEFAULT 20)
RETURNS TABLE (kind text, owner_id text, asset text, seq bigint, found jsonb)
LANGUAGE plpgsql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    PERFORM ledger_core.check_key('text', find."text");
    PERFORM ledger_core.check_at_most('max_rows', find.max_rows, ledger_core.max_page());
    RETURN QUERY
    SELECT matches.kind, matches.owner_id, matches.asset, matches.seq, matches.found
    FROM (
        SELECT 2 AS rank, 'entry' AS kind, named.* FROM ledger_core.find_entries(find."text", find.max_rows) AS named
        UNION ALL
        SELECT 3, 'hold', named.* FROM ledger_core.find_holds(find."text", find.max_rows) AS named
        UNION ALL
        SELECT 4, 'allowance', named.* FROM ledger_core.find_allowances(find."text", find.max_rows) AS named
        UNION ALL
        SELECT 5, 'claim', named.* FROM ledger_core.find_claims(find."text", find.max_rows) AS named
        UNION ALL
        SELECT CASE named.owner_id WHEN find."text" THEN 1 ELSE 6 END, 'owner', named.*
        FROM ledger_core.find_owners(find."text", find.max_rows) AS named
    ) AS matches
    ORDER BY matches.rank, matches.owner_id, matches.asset, matches.seq DESC
    LIMIT find.max_rows;
END
$$;

COMMENT ON FUNCTION ledger.find IS
'What a text names (1 to 255 characters, compared byte by byte): at most max_rows (1 to 1000) rows, exact matches first.
kind owner: an account whose owner begins with the text. entry: its nonce or its entry_id is the text. hold: its nonce, or
that of a growth, is the text. allowance: its nonce, or that of a change, is the text. claim: its claim_subject is the text.
owner_id, asset: the account. seq: the entry, or the one that made the claim; null for others. found: what tells the match
from others, such as app, operation, nonce and amount; of an account, the number of its entries (entry_count).
No rows if nothing matches. Raises LG001.';
