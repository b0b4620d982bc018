-- AutoCut Influencer: storage buckets, their policies, and realtime. Apply after schema.sql, as the same role.
--
-- Each part is skipped with a notice where the project has no such service, as on a plain PostgreSQL.
-- A path is <owner's uuid>/<file>. Users insert the raw videos of their own jobs, read them and what we made of them;
-- they update and delete nothing, so that an object can never be moved to another folder or bucket.

do $$
begin
    if to_regclass('storage.objects') is null then
        raise notice 'storage.objects does not exist: buckets and their policies skipped';
        return;
    end if;

    insert into storage.buckets (id, name, public, file_size_limit, allowed_mime_types) values
    ('raw-videos', 'raw-videos', false, 2147483648, array['video/mp4', 'video/quicktime', 'video/webm']),
    ('final-videos', 'final-videos', false, 2147483648, array['video/mp4']),
    ('thumbnails', 'thumbnails', false, 5242880, array['image/jpeg', 'image/png', 'image/webp'])
    -- A bucket that was made beforehand, perhaps a public one, becomes what it must be.
    on conflict (id) do update
    set
        public = excluded.public,
        file_size_limit = excluded.file_size_limit,
        allowed_mime_types = excluded.allowed_mime_types;

    create policy "Users read their own videos and thumbnails" on storage.objects
    for select to authenticated
    using (
        bucket_id in ('raw-videos', 'final-videos', 'thumbnails')
        and (storage.foldername(objects.name))[1] = (select auth.uid())::text
        and exists (select from public.users as u where u.id = (select auth.uid()) and u.deleted_at is null)
    );

    -- One object for each own job that still waits for its video, at the path that the job names: no job, no storage.
    -- The characters and segments of private.is_own_path: a URL parser that reads the path must not climb out of the
    -- folder.
    create policy "Users upload raw videos to their own folder" on storage.objects
    for insert to authenticated
    with check (
        bucket_id = 'raw-videos'
        and (storage.foldername(objects.name))[1] = (select auth.uid())::text
        and objects.name ~ '^[-A-Za-z0-9_!.*''() &$@=;:+,/]+$'
        and objects.name !~ '(^|/)(\.{0,2}([/;]|$)| )| (/|$)'
        and exists (
            select from public.users as u
            where u.id = (select auth.uid()) and u.deleted_at is null and u.is_active
        )
        and exists (
            select from public.jobs as j
            where
                j.user_id = (select auth.uid())
                and j.status in ('PENDING', 'UPLOADING')
                and j.input_video_path = objects.name
        )
    );
end
$$;

-- Files can be removed by the Storage API only; a row removed here would leave its file behind for ever. So erasure
-- ends with the backend asking for this list.
do $$
begin
    if to_regclass('storage.objects') is null then
        return;
    end if;
    create function public.objects_to_erase() returns table (bucket_id text, name text)
    language sql stable
    security definer
    set search_path = ''
    as $function$
        select
            o.bucket_id,
            o.name
        from storage.objects as o
        where
            (
                o.bucket_id in ('raw-videos', 'final-videos', 'thumbnails')
                and split_part(o.name, '/', 1) in (
                    select u.id::pg_catalog.text from public.users as u where u.deleted_at is not null
                )
            )
            or (
                o.bucket_id = 'raw-videos' and o.created_at < statement_timestamp() - interval '1 day'
                and o.name not in (
                    select j.input_video_path from public.jobs as j
                    where j.status <> 'CANCELLED' and j.input_video_path is not null
                )
            )
        order by o.bucket_id, o.name
        limit 1000
    $function$;
    comment on function public.objects_to_erase() is
    'Objects that nobody needs, 1,000 at a call, for the backend to remove through the Storage API: those of closed '
    'accounts, and raw videos that for a day no job but a cancelled one has named. For service_role.';
    revoke all on function public.objects_to_erase() from public, anon, authenticated, service_role;
    grant execute on function public.objects_to_erase() to service_role;
end
$$;

-- The default replica identity stays: a DELETE shows subscribers the primary key only, since it is not filtered by RLS.
do $$
declare
    publishes_all boolean;
    name text;
begin
    select p.puballtables into publishes_all from pg_catalog.pg_publication as p where p.pubname = 'supabase_realtime';
    if not found then
        raise notice 'publication supabase_realtime does not exist: realtime skipped';
        return;
    end if;
    if publishes_all then
        raise warning 'publication supabase_realtime is FOR ALL TABLES: it publishes more than public.jobs and public.users';
        return;
    end if;
    foreach name in array array['jobs', 'users'] loop
        if not exists (
            select from pg_catalog.pg_publication_tables as t
            where t.pubname = 'supabase_realtime' and t.schemaname = 'public' and t.tablename = name
        ) then
            execute format('alter publication supabase_realtime add table public.%I', name);
        end if;
    end loop;
end
$$;
