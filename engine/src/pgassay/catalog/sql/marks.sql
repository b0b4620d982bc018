-- What differs once anything has altered the schema.
select
    0 as number,
    count(*) as objects,
    max(xmin::text::bigint) as latest
from pg_catalog.pg_class
union all
select
    1 as number,
    count(*) as objects,
    max(xmin::text::bigint) as latest
from pg_catalog.pg_attribute
union all
select
    2 as number,
    count(*) as objects,
    max(xmin::text::bigint) as latest
from pg_catalog.pg_proc
union all
select
    3 as number,
    count(*) as objects,
    max(xmin::text::bigint) as latest
from pg_catalog.pg_trigger
union all
select
    4 as number,
    count(*) as objects,
    max(xmin::text::bigint) as latest
from pg_catalog.pg_policy
union all
select
    5 as number,
    count(*) as objects,
    max(xmin::text::bigint) as latest
from pg_catalog.pg_constraint
union all
select
    6 as number,
    count(*) as objects,
    max(xmin::text::bigint) as latest
from pg_catalog.pg_type
order by number
