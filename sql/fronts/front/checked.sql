-- A partition answers its refusals: an error would cost PL/Proxy the connection.
CREATE FUNCTION ledger_front.checked(answer text)
RETURNS json
LANGUAGE plpgsql
STABLE
AS $$
BEGIN
    IF NOT starts_with(answer, '[') THEN
        RETURN answer;
    END IF;
    -- An option of RAISE cannot be null. What a ledger refuses has both.
    IF coalesce(answer::json ->> 2, '') || coalesce(answer::json ->> 3, '') = '' THEN
        RAISE EXCEPTION USING ERRCODE = answer::json ->> 0, MESSAGE = answer::json ->> 1;
    END IF;
    RAISE EXCEPTION USING
        ERRCODE = answer::json ->> 0,
        MESSAGE = answer::json ->> 1,
        DETAIL = coalesce(answer::json ->> 2, ''),
        HINT = coalesce(answer::json ->> 3, '');
END
$$;

COMMENT ON FUNCTION ledger_front.checked IS
'What a door of a partition has answered, if it is a result. Raises it anew, exactly, if it is an error: an array of SQLSTATE,
message, detail and hint.';
