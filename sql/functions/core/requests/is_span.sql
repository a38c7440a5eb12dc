CREATE OR REPLACE FUNCTION ledger_core.is_span(span interval, most interval)
RETURNS boolean
LANGUAGE sql
IMMUTABLE
AS $$
-- An interval compares by months of 30 days. With a negative part it could seem positive and still lead back in time.
SELECT span > interval '0' AND span <= most
    AND least(
        extract(YEAR FROM span), extract(MONTH FROM span), extract(DAY FROM span),
        extract(HOUR FROM span), extract(MINUTE FROM span), extract(SECOND FROM span)
    ) >= 0
$$;

COMMENT ON FUNCTION ledger_core.is_span IS
'True if span can be added to any time of these days and leads forward from it: positive, without a negative part, at
most most. Null for null.';
