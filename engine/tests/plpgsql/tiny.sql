create table public.notes (id integer primary key, owner uuid, body text, hidden boolean);
alter table public.notes enable row level security;
grant select, insert on public.notes to authenticated;
create policy "own" on public.notes to authenticated
using (owner = (select auth.uid()) and not (hidden or body is null))
with check (true and owner = (select auth.uid()));

create function public.shorten(body text) returns text language plpgsql as $$
begin
    if length(body) > 3 then
        return left(body, 3);
    end if;
    return body;
end
$$;

create function public.stamp() returns trigger language plpgsql security definer set search_path = '' as $$
begin
    new.body := public.shorten(new.body);
    if new.id < 0 then raise exception 'negative' using errcode = 'PT409'; end if;
    return new;
end
$$;
create trigger notes_stamp before insert on public.notes for each row execute function public.stamp();
revoke all on function public.stamp(), public.shorten(text) from public;

create function public.twice(a integer) returns integer language sql as 'select 2 * a';
create view public.bodies with (security_invoker = true) as select body from public.notes;
