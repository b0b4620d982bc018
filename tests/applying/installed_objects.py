"""All that schema.sql and storage.sql leave behind in the catalog, as lines of text without any OID."""

from __future__ import annotations

from typing import Any

import psycopg

from tests.applying.privileges import read_privileges

_DEFINITIONS = """
    with own (oid) as (select oid from pg_namespace where nspname in ('public', 'private')),

    relations (oid, place) as (
        select c.oid, c.oid::regclass::text from pg_class as c inner join own on c.relnamespace = own.oid
    )

    select concat_ws(' | ', 'relation', r.place, c.relkind, c.relowner::regrole, c.relrowsecurity,
        c.relforcerowsecurity, c.relreplident, c.reloptions::text, obj_description(c.oid, 'pg_class'))
    from pg_class as c inner join relations as r on c.oid = r.oid
    union all
    select concat_ws(' | ', 'column', r.place, a.attnum, a.attname, format_type(a.atttypid, a.atttypmod),
        a.attnotnull, a.attidentity, pg_get_expr(d.adbin, d.adrelid))
    from pg_attribute as a
    inner join relations as r on a.attrelid = r.oid
    left join pg_attrdef as d on d.adrelid = a.attrelid and d.adnum = a.attnum
    where a.attnum > 0
    union all
    select concat_ws(' | ', 'constraint', r.place, c.conname, c.convalidated, pg_get_constraintdef(c.oid))
    from pg_constraint as c inner join relations as r on c.conrelid = r.oid
    union all
    select concat_ws(' | ', 'index', r.place, pg_get_indexdef(i.indexrelid), i.indisvalid)
    from pg_index as i inner join relations as r on i.indrelid = r.oid
    union all
    select concat_ws(' | ', 'view', r.place, pg_get_viewdef(r.oid))
    from pg_class as c inner join relations as r on c.oid = r.oid where c.relkind = 'v'
    union all
    select concat_ws(' | ', 'trigger', t.tgrelid::regclass, pg_get_triggerdef(t.oid), t.tgenabled)
    from pg_trigger as t where not t.tgisinternal
    union all
    select concat_ws(' | ', 'policy', p.polrelid::regclass, p.polname, p.polcmd, p.polpermissive,
        p.polroles::regrole[]::text, pg_get_expr(p.polqual, p.polrelid),
        pg_get_expr(p.polwithcheck, p.polrelid))
    from pg_policy as p
    union all
    select concat_ws(' | ', 'function', p.oid::regprocedure, pg_get_functiondef(p.oid), p.proowner::regrole,
        obj_description(p.oid, 'pg_proc'))
    from pg_proc as p inner join own on p.pronamespace = own.oid
    union all
    select concat_ws(' | ', 'type', t.oid::regtype, t.typtype, obj_description(t.oid, 'pg_type'),
        (select array_agg(e.enumlabel order by e.enumsortorder)
            from pg_enum as e where e.enumtypid = t.oid))
    from pg_type as t inner join own on t.typnamespace = own.oid
    union all
    select concat_ws(' | ', 'schema', n.nspname, n.nspowner::regrole, obj_description(n.oid, 'pg_namespace'))
    from pg_namespace as n where n.nspname !~ '^pg_'
    union all
    select concat_ws(' | ', 'extension', e.extname) from pg_extension as e
    union all
    select concat_ws(' | ', 'published', p.pubname, r.prrelid::regclass)
    from pg_publication_rel as r inner join pg_publication as p on r.prpubid = p.oid
    union all
    select concat_ws(' | ', 'default privileges', d.defaclnamespace::regnamespace, d.defaclobjtype,
        d.defaclacl)
    from pg_default_acl as d
"""

_SEED = """
    select concat_ws(' | ', 'package', to_jsonb(p) - array['id', 'created_at', 'updated_at'])
    from public.credit_packages as p
"""


def read_catalog(connection: psycopg.Connection[Any]) -> list[str]:
    """Sorted lines, the same for the same schema in any database of one server; the seeded packages too."""
    query = f"{_DEFINITIONS} union all {_SEED}"
    lines = [line for (line,) in connection.execute(query.encode())]
    return sorted([*lines, *read_privileges(connection), *read_privileges(connection, own=False)])
