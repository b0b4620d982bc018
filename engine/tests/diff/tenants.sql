-- Two tenants who must not see each other's documents: a user is a member of one.

create schema private;
create type public.stage as enum ('DRAFT', 'REVIEW', 'PUBLISHED');
create table public.members (
    user_id uuid primary key,
    tenant text not null,
    role text not null default 'reader'
);
create table public.documents (
    id integer primary key,
    owner uuid not null references public.members (user_id),
    tenant text not null,
    stage public.stage not null default 'DRAFT',
    priority integer not null default 0,
    label text,
    pages integer not null default 1 constraint documents_pages_positive check (pages > 0)
);
create function private.keep_published() returns trigger language plpgsql security definer as $$
begin
    if old.stage = 'PUBLISHED' then
        raise exception 'published is published' using errcode = 'PT409';
    end if;
    update public.members set role = role where user_id = new.owner;
    return new;
end
$$;
create trigger keep_published before update on public.documents
for each row execute function private.keep_published();
create view public.titles with (security_invoker = true) as
select d.id, d.owner, d.label from public.documents as d;
create function public.count_documents() returns bigint language sql as 'select count(*) from public.documents';

alter table public.members enable row level security;
alter table public.documents enable row level security;
create policy "members see themselves" on public.members
for select to authenticated using (user_id = (select auth.uid()));
create policy "owners see" on public.documents
for select to authenticated using (owner = (select auth.uid()));
create policy "owners edit" on public.documents
for update to authenticated using (owner = (select auth.uid()) and stage <> 'REVIEW');
create policy "not archived" on public.documents
as restrictive for select to authenticated using (tenant <> 'archive');

revoke all on all tables in schema public from anon, authenticated;
revoke execute on function public.count_documents() from public, anon, authenticated;
grant select on public.members, public.documents, public.titles to authenticated;
grant update (stage, label) on public.documents to authenticated;
