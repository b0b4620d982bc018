-- 20,000 more jobs that wait for their next attempt.
create table bench.waiting as
select j.id from public.jobs as j where j.status = 'COMPLETED' order by j.id limit 20000;
alter table public.jobs disable trigger user;
update public.jobs as j
set
    status = 'QUEUED',
    progress_percentage = 0,
    started_at = null,
    completed_at = null,
    retry_count = 1,
    next_attempt_at = '2100-01-01'
from bench.waiting as w where j.id = w.id;
alter table public.jobs enable trigger user;
