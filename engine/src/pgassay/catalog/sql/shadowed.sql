-- Functions of the server of whose name there are others: pg_catalog comes first in every path, and by their types they
-- are mostly what is meant.
select distinct
    p.proname as name,
    p.pronargs as arity
from pg_catalog.pg_proc as p
where
    p.pronamespace = 'pg_catalog'::regnamespace
    and p.proname in (
        select o.proname from pg_catalog.pg_proc as o where o.pronamespace <> 'pg_catalog'::regnamespace
    )
