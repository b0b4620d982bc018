-- Books that readers borrow, and the shelves that they stand on.

create table public.shelves (
    id integer primary key,
    room text not null
);
create table public.books (
    id integer primary key,
    reader uuid,
    shelf_id integer not null references public.shelves (id),
    title text not null,
    pages smallint not null,
    remark text
);
create table public.visits (
    reader uuid not null,
    day date not null
);

alter table public.shelves enable row level security;
alter table public.books enable row level security;
alter table public.visits enable row level security;
create policy "readers see what they borrowed" on public.books
for select to authenticated using (reader = (select auth.uid()));

revoke all on all tables in schema public from anon, authenticated, service_role;
grant select (id, reader, title) on public.books to authenticated;
