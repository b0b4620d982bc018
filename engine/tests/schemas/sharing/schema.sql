-- Documents that their owners share row by row; their events lie in partitions of partitions.

create domain public.colour as text check (value ~ '^#[0-9a-f]{6}$');

create table public.documents (
    id uuid primary key default gen_random_uuid(),
    owner_id uuid not null,
    title text not null,
    colour public.colour not null default '#000000',
    tags text[] not null default '{}'
);
create table public.shares (
    document_id uuid not null references public.documents (id) on delete cascade,
    user_id uuid not null,
    can_edit boolean not null default false,
    unique (document_id, user_id)
);
create table public.events (
    document_id uuid not null references public.documents (id),
    kind text not null,
    year integer not null,
    detail jsonb not null default '{}',
    primary key (document_id, year, kind)
) partition by list (kind);
create table public.events_opened partition of public.events for values in ('opened') partition by range (year);
create table public.events_opened_2025 partition of public.events_opened for values from (2025) to (2026);
create table public.events_other partition of public.events default;

create function public.owns(document uuid) returns boolean
language sql stable security definer set search_path = ''
as $$
    select exists (select from public.documents as d where d.id = document and d.owner_id = auth.uid())
$$;

alter table public.documents enable row level security;
alter table public.shares enable row level security;
alter table public.events enable row level security;

create policy "owners and those it is shared with read" on public.documents
for select to authenticated using (
    owner_id = (select auth.uid()) or id in (select s.document_id from public.shares as s)
);
create policy "owners write" on public.documents
for insert to authenticated with check (owner_id = (select auth.uid()));
create policy "owners and editors change" on public.documents
for update to authenticated using (
    owner_id = (select auth.uid())
    or id in (select s.document_id from public.shares as s where s.user_id = (select auth.uid()) and s.can_edit)
);
create policy "one sees whom one shares with" on public.shares
for select to authenticated using (user_id = (select auth.uid()) or public.owns(document_id));
create policy "owners share" on public.shares
for all to authenticated using (public.owns(document_id));
create policy "owners see what happened" on public.events
for select to authenticated using (public.owns(document_id));

revoke all on all tables in schema public from anon, authenticated;
revoke execute on function public.owns(uuid) from public, anon;
grant execute on function public.owns(uuid) to authenticated;
grant select, insert on public.documents to authenticated;
grant update (title, colour, tags) on public.documents to authenticated;
grant select, insert, delete on public.shares to authenticated;
grant update (can_edit) on public.shares to authenticated;
grant select on public.events to authenticated;
