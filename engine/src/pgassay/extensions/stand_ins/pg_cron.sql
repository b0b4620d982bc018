-- Jobs are recorded in cron.job and never run; a schedule is checked for its form only.

set local search_path = pg_catalog, pg_temp;

create schema cron;

create sequence cron.jobid_seq;
create table cron.job (
    jobid bigint primary key default nextval('cron.jobid_seq'),
    schedule text not null,
    command text not null,
    nodename text not null default 'localhost',
    nodeport integer not null default 5432,
    database text not null default current_database(),
    username text not null default current_user,
    active boolean not null default true,
    jobname text,
    constraint jobname_username_uniq unique (jobname, username)
);
alter table cron.job enable row level security;
create policy cron_job_policy on cron.job using (username = current_user);

create sequence cron.runid_seq;
create table cron.job_run_details (
    jobid bigint,
    runid bigint primary key default nextval('cron.runid_seq'),
    job_pid integer,
    database text,
    username text,
    command text,
    status text,
    return_message text,
    start_time timestamptz,
    end_time timestamptz
);
alter table cron.job_run_details enable row level security;
create policy cron_job_run_details_policy on cron.job_run_details using (username = current_user);

-- pg_cron's functions write as superuser and note who called them. Here somebody who calls this one directly may name
-- another role; nothing ever runs as that.
create function cron._store(
    caller text, job_name text, schedule text, command text, database text, is_active boolean
) returns bigint
language plpgsql security definer set search_path = ''
as $$
#variable_conflict use_column
declare
    field constant text := '[*0-9a-z,/$-]+';
    stored bigint;
begin
    if schedule !~* format('^\s*(%1$s(\s+%1$s){4}|[1-5]?[0-9] seconds?|@(hourly|daily|midnight|weekly|monthly|yearly|'
        'annually|reboot))\s*$', field)
    then
        raise exception 'invalid schedule: %', schedule
            using errcode = 'invalid_parameter_value',
            hint = 'Use cron format (e.g. 5 4 * * *), or interval format ''[1-59] seconds''';
    end if;
    insert into cron.job (schedule, command, database, username, active, jobname)
    values (_store.schedule, _store.command, coalesce(_store.database, current_database()), caller, is_active, job_name)
    on conflict on constraint jobname_username_uniq do update
        set schedule = excluded.schedule, command = excluded.command, database = excluded.database,
            active = excluded.active
    returning jobid into stored;
    return stored;
end
$$;

create function cron._alter(
    caller text,
    wanted bigint,
    new_schedule text,
    new_command text,
    new_database text,
    new_username text,
    is_active boolean
) returns void
language plpgsql security definer set search_path = ''
as $$
begin
    update cron.job set
        schedule = coalesce(new_schedule, schedule), command = coalesce(new_command, command),
        database = coalesce(new_database, database), username = coalesce(new_username, username),
        active = coalesce(is_active, active)
    where jobid = wanted and username = caller;
    if not found then
        raise exception 'Job % does not exist or you don''t own it', wanted;
    end if;
end
$$;

create function cron._remove(caller text, wanted bigint, wanted_name text) returns boolean
language plpgsql security definer set search_path = ''
as $$
begin
    delete from cron.job where username = caller and (jobid = wanted or jobname = wanted_name);
    if not found then
        raise exception 'could not find valid entry for job ''%''', coalesce(wanted::text, wanted_name);
    end if;
    return true;
end
$$;

create function cron.schedule(schedule text, command text) returns bigint
language sql
as $$ select cron._store(current_user, null, schedule, command, null, true) $$;

create function cron.schedule(job_name text, schedule text, command text) returns bigint
language sql
as $$ select cron._store(current_user, job_name, schedule, command, null, true) $$;

create function cron.schedule_in_database(
    job_name text, schedule text, command text, database text, username text default null, active boolean default true
) returns bigint
language sql
as $$ select cron._store(coalesce(username, current_user), job_name, schedule, command, database, active) $$;

create function cron.alter_job(
    job_id bigint,
    schedule text default null,
    command text default null,
    database text default null,
    username text default null,
    active boolean default null
) returns void
language sql
as $$ select cron._alter(current_user, job_id, schedule, command, database, username, active) $$;

create function cron.unschedule(job_id bigint) returns boolean
language sql
as $$ select cron._remove(current_user, job_id, null) $$;

create function cron.unschedule(job_name text) returns boolean
language sql
as $$ select cron._remove(current_user, null, job_name) $$;

do $rights$
declare
    maker constant regrole := (select extowner from pg_catalog.pg_extension where extname = 'pg_cron');
begin
    execute format('grant usage on schema cron to %s with grant option', maker);
    execute format('grant all on all functions in schema cron to %s with grant option', maker);
    execute format('grant select on cron.job to %s with grant option', maker);
    execute format('grant all on cron.job_run_details to %s with grant option', maker);
end
$rights$;
