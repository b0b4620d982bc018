-- A worker is done. What the triggers stamp is said as well, so that the script runs without them.
select nextval('bench.done') as n \gset
update public.jobs
set
    status = 'COMPLETED',
    progress_percentage = 100,
    output_video_path = user_id || '/cut.mp4',
    completed_at = clock_timestamp(),
    lease_expires_at = null
where id = (select w.id from bench.work as w where w.n = :n);
