select
    p.pubname as name,
    p.puballtables as all_tables,
    pg_catalog.pg_get_userbyid(p.pubowner) as owner,
    array_remove(array[
        case when p.pubinsert then 'insert' end, case when p.pubupdate then 'update' end,
        case when p.pubdelete then 'delete' end, case when p.pubtruncate then 'truncate' end
    ], null) as publishes
from pg_catalog.pg_publication as p
