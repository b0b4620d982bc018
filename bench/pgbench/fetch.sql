-- A worker of procrastinate takes the next job.
select j.id from procrastinate_fetch_job_v2(null, null) as j;
