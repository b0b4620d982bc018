-- A browser's user queues a job: policy, charge, ledger.
\set n random(1, 500)
begin;
select set_config('request.jwt.claims', json_build_object('sub', u.id, 'role', 'authenticated')::text, true)
from bench.users as u where u.n = :n;
insert into public.jobs (user_id, status, input_video_path)
select u.id, 'QUEUED', u.id || '/video.mp4' from bench.users as u where u.n = :n;
commit;
