-- A worker reports progress.
\set n random(1, 3000)
update public.jobs
set progress_percentage = least(progress_percentage + 1, 99), current_step = 'cutting'
where id = (select w.id from bench.work as w where w.n = :n);
