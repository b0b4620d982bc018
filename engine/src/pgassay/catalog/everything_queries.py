"""What `inventory_queries` leaves out because access does not depend on it; rows of the same shape."""

from __future__ import annotations

from typing import LiteralString

from pgassay.catalog.inventory_queries import OURS, PROPERTIES

_RELATIONS: LiteralString = f"""
    select 'relation', c.oid::bigint, n.nspname, c.relname, '', p.property, p.value
    from pg_catalog.pg_class as c
    inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
    cross join lateral (values
        ('persistence', case c.relpersistence when 'u' then 'unlogged' when 't' then 'temporary' end),
        ('replica identity', nullif(c.relreplident, 'd')::text),
        ('options', array_to_string(c.reloptions, ', ')),
        ('partition key', pg_catalog.pg_get_partkeydef(c.oid)),
        ('partition bound', pg_catalog.pg_get_expr(c.relpartbound, c.oid)),
        ('inherits', (
            select string_agg(i.inhparent::regclass::text, ', ' order by i.inhseqno)
            from pg_catalog.pg_inherits as i where i.inhrelid = c.oid
        ))
    ) as p (property, value)
    where c.relkind in ('r', 'p', 'v', 'm', 'f', 'S') and p.value is not null and {OURS}
"""

_COLUMNS: LiteralString = f"""
    select 'column', 0::bigint, n.nspname, c.relname, a.attname, p.property, p.value
    from pg_catalog.pg_attribute as a
    inner join pg_catalog.pg_class as c on a.attrelid = c.oid
    inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
    inner join pg_catalog.pg_type as t on a.atttypid = t.oid
    cross join lateral (values
        ('identity', case a.attidentity when 'a' then 'always' when 'd' then 'by default' end),
        ('generated', nullif(a.attgenerated::text, '')),
        ('collation', nullif(a.attcollation, t.typcollation)::regcollation::text),
        ('storage', nullif(a.attstorage, t.typstorage)::text),
        ('compression', nullif(a.attcompression::text, '')),
        ('statistics', nullif(a.attstattarget, -1)::text),
        ('options', array_to_string(a.attoptions, ', '))
    ) as p (property, value)
    where c.relkind in ('r', 'p', 'v', 'm', 'f') and a.attnum > 0 and not a.attisdropped
        and p.value is not null and {OURS}
    union all
    select 'relation', c.oid::bigint, n.nspname, c.relname, '', 'order of columns', (
        select string_agg(a.attname, ', ' order by a.attnum) from pg_catalog.pg_attribute as a
        where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    )
    from pg_catalog.pg_class as c inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
    where c.relkind in ('r', 'p', 'v', 'm', 'f', 'c') and {OURS}
"""

_SEQUENCES: LiteralString = f"""
    select 'sequence', 0::bigint, n.nspname, c.relname, '', p.property, p.value
    from pg_catalog.pg_sequence as s
    inner join pg_catalog.pg_class as c on s.seqrelid = c.oid
    inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
    cross join lateral (values
        ('type', format_type(s.seqtypid, null)), ('start', s.seqstart::text),
        ('increment', s.seqincrement::text), ('minimum', s.seqmin::text), ('maximum', s.seqmax::text),
        ('cache', s.seqcache::text), ('cycle', s.seqcycle::text),
        ('owned by', (
            select format('%s.%I', d.refobjid::regclass, a.attname)
            from pg_catalog.pg_depend as d
            inner join pg_catalog.pg_attribute as a
                on d.refobjid = a.attrelid and d.refobjsubid = a.attnum
            where d.classid = 'pg_catalog.pg_class'::regclass and d.objid = c.oid
                and d.refclassid = 'pg_catalog.pg_class'::regclass and d.deptype in ('a', 'i')
        ))
    ) as p (property, value)
    where p.value is not null and {OURS}
"""

_INDEXES: LiteralString = f"""
    select 'index', 0::bigint, n.nspname, c.relname, x.relname, p.property, p.value
    from pg_catalog.pg_index as i
    inner join pg_catalog.pg_class as c on i.indrelid = c.oid
    inner join pg_catalog.pg_class as x on i.indexrelid = x.oid
    inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
    cross join lateral (values
        ('valid', case when not i.indisvalid then 'no' end),
        ('clustered', case when i.indisclustered then 'yes' end),
        ('replica identity', case when i.indisreplident then 'yes' end)
    ) as p (property, value)
    where p.value is not null and {OURS}
"""

_FUNCTIONS: LiteralString = f"""
    select 'function', f.oid::bigint, n.nspname, f.proname, '', p.property, p.value
    from pg_catalog.pg_proc as f
    inner join pg_catalog.pg_namespace as n on f.pronamespace = n.oid
    cross join lateral (values
        ('arguments', pg_catalog.pg_get_function_arguments(f.oid)),
        ('returns', pg_catalog.pg_get_function_result(f.oid)),
        ('kind', f.prokind::text), ('volatility', f.provolatile::text), ('parallel', f.proparallel::text),
        ('strict', f.proisstrict::text), ('leakproof', f.proleakproof::text),
        ('cost', f.procost::text), ('rows', f.prorows::text)
    ) as p (property, value)
    where p.value is not null and {OURS} and not exists (
        select from pg_catalog.pg_depend as d
        where d.classid = 'pg_catalog.pg_proc'::regclass and d.objid = f.oid and d.deptype = 'e'
    )
"""

_TYPES: LiteralString = f"""
    select 'type', 0::bigint, n.nspname, t.typname, '', p.property, p.value
    from pg_catalog.pg_type as t
    inner join pg_catalog.pg_namespace as n on t.typnamespace = n.oid
    left join pg_catalog.pg_class as c on t.typrelid = c.oid
    cross join lateral (values
        ('kind', t.typtype::text), ('owner', pg_catalog.pg_get_userbyid(t.typowner)),
        ('base', case when t.typtype = 'd' then format_type(t.typbasetype, t.typtypmod) end),
        ('not null', case when t.typtype = 'd' then t.typnotnull::text end), ('default', t.typdefault)
    ) as p (property, value)
    where t.typtype in ('e', 'd', 'r', 'c') and coalesce(c.relkind, 'c') = 'c' and p.value is not null
        and {OURS}
    union all
    select 'constraint', 0, n.nspname, t.typname, k.conname, 'definition', pg_get_constraintdef(k.oid)
    from pg_catalog.pg_constraint as k
    inner join pg_catalog.pg_type as t on k.contypid = t.oid
    inner join pg_catalog.pg_namespace as n on t.typnamespace = n.oid
    where k.contype = 'c' and {OURS}
    union all
    select 'grant on type', 0, n.nspname, t.typname, coalesce(r.rolname, 'public'), lower(a.privilege_type),
        'held'
    from pg_catalog.pg_type as t
    inner join pg_catalog.pg_namespace as n on t.typnamespace = n.oid
    cross join lateral pg_catalog.aclexplode(t.typacl) as a
    left join pg_catalog.pg_roles as r on a.grantee = r.oid
    where a.grantee <> t.typowner and {OURS}
"""

_OTHERS: LiteralString = f"""
    select 'default privileges', 0::bigint, coalesce(n.nspname, ''), '', pg_get_userbyid(d.defaclrole),
        format('%s on %s to %s', lower(a.privilege_type), d.defaclobjtype, coalesce(r.rolname, 'public')),
        'held'
    from pg_catalog.pg_default_acl as d
    left join pg_catalog.pg_namespace as n on d.defaclnamespace = n.oid
    cross join lateral pg_catalog.aclexplode(d.defaclacl) as a
    left join pg_catalog.pg_roles as r on a.grantee = r.oid
    union all
    select 'publication', 0, '', '', p.pubname, o.property, o.value
    from pg_catalog.pg_publication as p
    cross join lateral (values
        ('owner', pg_get_userbyid(p.pubowner)), ('all tables', p.puballtables::text),
        ('publishes', concat_ws(', ',
            case when p.pubinsert then 'insert' end, case when p.pubupdate then 'update' end,
            case when p.pubdelete then 'delete' end, case when p.pubtruncate then 'truncate' end
        ))
    ) as o (property, value)
    union all
    select 'publication', 0, n.nspname, c.relname, p.pubname, o.property, o.value
    from pg_catalog.pg_publication_rel as r
    inner join pg_catalog.pg_publication as p on r.prpubid = p.oid
    inner join pg_catalog.pg_class as c on r.prrelid = c.oid
    inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
    cross join lateral (values
        ('columns', (
            select string_agg(a.attname, ', ' order by a.attnum) from pg_catalog.pg_attribute as a
            where a.attrelid = c.oid and a.attnum = any(r.prattrs)
        )),
        ('rows', pg_catalog.pg_get_expr(r.prqual, c.oid))
    ) as o (property, value)
    where o.value is not null
    union all
    select 'schema', 0, n.nspname, '', '', 'owner', pg_get_userbyid(n.nspowner)
    from pg_catalog.pg_namespace as n where {OURS}
    union all
    select 'rule', 0, n.nspname, c.relname, w.rulename, 'definition', pg_get_ruledef(w.oid)
    from pg_catalog.pg_rewrite as w
    inner join pg_catalog.pg_class as c on w.ev_class = c.oid
    inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
    where w.rulename <> '_RETURN' and {OURS}
    union all
    select 'statistics', 0, n.nspname, s.stxname, '', 'definition', pg_get_statisticsobjdef(s.oid)
    from pg_catalog.pg_statistic_ext as s
    inner join pg_catalog.pg_namespace as n on s.stxnamespace = n.oid where {OURS}
    union all
    select 'extension', 0, '', '', e.extname, 'schema', e.extnamespace::regnamespace::text
    from pg_catalog.pg_extension as e
"""

# What has no query of its own is compared by name alone. 16384 is FirstNormalObjectId.
_NAMED: LiteralString = """
    select i.type, 0::bigint, '', '', i.identity, 'there', 'yes'
    from (
        select 'pg_catalog.pg_operator'::regclass as class, oid from pg_catalog.pg_operator
        union all select 'pg_catalog.pg_opclass'::regclass, oid from pg_catalog.pg_opclass
        union all select 'pg_catalog.pg_cast'::regclass, oid from pg_catalog.pg_cast
        union all select 'pg_catalog.pg_collation'::regclass, oid from pg_catalog.pg_collation
        union all select 'pg_catalog.pg_conversion'::regclass, oid from pg_catalog.pg_conversion
        union all select 'pg_catalog.pg_language'::regclass, oid from pg_catalog.pg_language
        union all select 'pg_catalog.pg_event_trigger'::regclass, oid from pg_catalog.pg_event_trigger
        union all select 'pg_catalog.pg_foreign_server'::regclass, oid from pg_catalog.pg_foreign_server
        union all select 'pg_catalog.pg_ts_config'::regclass, oid from pg_catalog.pg_ts_config
        union all select 'pg_catalog.pg_ts_dict'::regclass, oid from pg_catalog.pg_ts_dict
        union all select 'pg_catalog.pg_transform'::regclass, oid from pg_catalog.pg_transform
    ) as o
    cross join lateral pg_catalog.pg_identify_object(o.class, o.oid, 0) as i
    where o.oid >= 16384 and not exists (
        select from pg_catalog.pg_depend as d
        where d.classid = o.class and d.objid = o.oid and d.deptype = 'e'
    )
"""

_COMMENTS: LiteralString = """
    select 'comment', 0::bigint, '', '', i.type || ' ' || i.identity, 'text', d.description
    from pg_catalog.pg_description as d
    cross join lateral pg_catalog.pg_identify_object(d.classoid, d.objoid, d.objsubid) as i
    where d.objoid >= 16384 and i.type <> 'extension' and not exists (
        select from pg_catalog.pg_depend as e
        where e.classid = d.classoid and e.objid = d.objoid and e.deptype = 'e'
    )
"""

CATALOG: LiteralString = " union all ".join(
    (
        PROPERTIES,
        _RELATIONS,
        _COLUMNS,
        _SEQUENCES,
        _INDEXES,
        _FUNCTIONS,
        _TYPES,
        _OTHERS,
        _NAMED,
        _COMMENTS,
    )
)
