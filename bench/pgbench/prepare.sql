-- Work for the scripts beside this file, in a loaded database: 20,000 queued jobs, 3,000 at work, rich users.
create schema bench;
create table bench.users as
select
    u.id,
    row_number() over (order by u.credits desc, u.id) as n
from public.users as u order by u.credits desc, u.id limit 500;
create table bench.work as
select
    j.id,
    row_number() over (order by j.id) as n
from public.jobs as j where j.status = 'COMPLETED' order by j.id limit 3000;
create table bench.queue as
select j.id from public.jobs as j where j.status = 'COMPLETED' order by j.id offset 3000 limit 20000;
create sequence bench.done;
create index on bench.users (n);
create index on bench.work (n);

alter table public.jobs disable trigger user;
update public.jobs as j
set
    status = 'RENDERING',
    progress_percentage = 0,
    completed_at = null,
    attempt_token = gen_random_uuid(),
    lease_expires_at = '2100-01-01'
from bench.work as w where j.id = w.id;
update public.jobs as j
set
    status = 'QUEUED',
    progress_percentage = 0,
    started_at = null,
    completed_at = null
from bench.queue as q where j.id = q.id;
-- The load's own retries: whose wait is over, and so would be claimed first or not, waits on.
update public.jobs set next_attempt_at = '2100-01-01' where status = 'QUEUED' and next_attempt_at < now();
alter table public.jobs enable trigger user;

grant usage on schema bench to authenticated, service_role;
grant select on bench.users, bench.work to authenticated, service_role;
grant usage on sequence bench.done to service_role;
