-- What differs once anything has altered the schema.
select array[0, count(*), max(xmin::text::bigint)] as mark from pg_catalog.pg_class
union all
select array[1, count(*), max(xmin::text::bigint)] as mark from pg_catalog.pg_attribute
union all
select array[2, count(*), max(xmin::text::bigint)] as mark from pg_catalog.pg_proc
union all
select array[3, count(*), max(xmin::text::bigint)] as mark from pg_catalog.pg_trigger
union all
select array[4, count(*), max(xmin::text::bigint)] as mark from pg_catalog.pg_policy
union all
select array[5, count(*), max(xmin::text::bigint)] as mark from pg_catalog.pg_constraint
union all
select array[6, count(*), max(xmin::text::bigint)] as mark from pg_catalog.pg_type
order by mark
