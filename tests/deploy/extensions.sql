-- What Supabase's supautils lets postgres create, only a superuser may create here.
create extension if not exists pg_stat_statements with schema extensions;

do $$
begin
    if exists (select from pg_catalog.pg_available_extensions as a where a.name = 'plpgsql_check') then
        create extension plpgsql_check with schema extensions;
    end if;
end
$$;

-- The emulation's own functions are in no project: the advisors shall have nothing to say of them.
do $functions$
declare
    plain regprocedure;
begin
    for plain in
        select p.oid from pg_catalog.pg_proc as p
        where p.pronamespace = 'pgassay'::regnamespace and p.proconfig is null
    loop
        execute format('alter function %s set search_path = %L', plain, '');
    end loop;
end
$functions$;
