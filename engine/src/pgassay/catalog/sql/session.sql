-- PostgREST serves the schemas that the login role names; a setting for this database wins.
select
    current_user as user,
    current_schemas(true)::text[] as search_path,
    (
        select split_part(entry, '=', 2)
        from pg_catalog.pg_db_role_setting as s
        inner join pg_catalog.pg_roles as r on s.setrole = r.oid and r.rolname = 'authenticator'
        cross join lateral unnest(s.setconfig) as entry
        where
            pg_catalog.starts_with(entry, 'pgrst.db_schemas=')
            and s.setdatabase in (
                0, (select d.oid from pg_catalog.pg_database as d where d.datname = current_database())
            )
        order by s.setdatabase desc
        limit 1
    ) as exposed
