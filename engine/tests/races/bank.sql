-- Two accounts, and functions that a hurried developer would write.

create table public.accounts (
    id integer primary key,
    balance integer not null constraint accounts_not_overdrawn check (balance >= 0)
);
insert into public.accounts values (1, 100), (2, 100);

create table public.log (
    id bigint generated always as identity primary key,
    account_id integer references public.accounts (id),
    note text,
    length integer generated always as (length(note)) stored
);

create function public.refuse() returns trigger
language plpgsql
as $$
begin
    raise exception 'never' using errcode = 'PT405';
end
$$;
create trigger log_is_kept before delete on public.log
for each statement execute function public.refuse();
alter table public.log enable always trigger log_is_kept;

-- Its own owner may not delete from it.
create table public.kept (id integer primary key);
revoke delete on public.kept from current_user, anon, authenticated, service_role;

create function public.read_twice() returns boolean
language plpgsql
as $$
declare
    first integer;
    second integer;
begin
    select a.balance into first from public.accounts as a where a.id = 1;
    select a.balance into second from public.accounts as a where a.id = 1;
    if first <> second then
        raise exception 'read % and then %', first, second using errcode = 'PT409';
    end if;
    return true;
end
$$;

grant select, insert, update on public.accounts to service_role;

create function public.note_and_count() returns void
language sql
as $$
    insert into public.log (account_id) values (1);
    update public.accounts set balance = (select count(*) from public.log) where id = 1;
$$;

create function public.read_by_view() returns void
language plpgsql
as $$
declare
    n integer;
begin
    n := 1;
    perform from public.balances;
    execute 'select 1';
    delete from public.accounts where id = 3;
end
$$;
create view public.balances as select a.balance from public.accounts as a;

-- What is counted within the block that fails is counted no more.
create function public.add_after_an_error(which integer) returns void
language plpgsql
as $$
declare
    had integer;
begin
    begin
        perform from public.accounts where id = 1;
        perform from public.accounts where id = 2;
        perform from public.accounts where id = 3;
        raise exception 'no such account';
    exception when others then
        null;
    end;
    select a.balance into had from public.accounts as a where a.id = which;
    update public.accounts set balance = had + 10 where id = which;
end
$$;

create function public.add_with_a_lock(which integer) returns void
language plpgsql
as $$
declare
    had integer;
begin
    perform from public.accounts where id = 1 for update;
    perform from public.log;
    perform from public.accounts where id = 2;
    perform from public.accounts where id = 3;
    perform from public.accounts where id = 4;
    select a.balance into had from public.accounts as a where a.id = which;
    update public.accounts set balance = had + 10 where id = which;
end
$$;

create function public.note_only() returns void
language plpgsql
as $$
begin
    perform from public.kept;
    insert into public.log (note) values ('noted');
    perform from public.kept;
end
$$;
