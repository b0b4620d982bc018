-- A refusal after which the connection ends. Between the two nothing lets PostgreSQL look for its signals: so the
-- client always gets the schema's error, and then no end of the message, as it now and then does when the server is
-- killed.

create or replace function private.charge_jobs(user_id uuid, job_ids uuid[], costs integer[]) returns void
language plpgsql
security definer
set search_path = ''
as $$
begin
    raise exception 'not enough credits'
        using errcode = case when pg_terminate_backend(pg_backend_pid()) then 'PT402' end;
end
$$;
