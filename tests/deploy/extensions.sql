-- What Supabase's supautils lets postgres create, only a superuser may create here.
create extension if not exists pg_stat_statements with schema extensions;

do $$
begin
    if exists (select from pg_catalog.pg_available_extensions as a where a.name = 'plpgsql_check') then
        create extension plpgsql_check with schema extensions;
    end if;
end
$$;
