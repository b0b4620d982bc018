-- A worker takes the next ten jobs.
select j.id from public.claim_next_jobs('worker', 10, '5 minutes') as j;
