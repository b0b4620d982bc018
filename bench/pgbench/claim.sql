-- A worker takes the next job.
select j.id from public.claim_next_jobs('worker', 1, '5 minutes') as j;
