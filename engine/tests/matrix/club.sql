-- A club in which every shape of table, row and answer occurs that the access matrix tells apart.

create type public.tier as enum ('free', 'pro');

-- A table of users, known as such by its ids.
create table public.members (
    id uuid primary key,
    name varchar(8),
    tier public.tier not null default 'free',
    credits integer not null default 5 constraint members_credits_not_negative check (credits >= 0),
    left_at timestamptz
);
alter table public.members enable row level security;
create policy "read own" on public.members for select to authenticated using (id = auth.uid());
create policy "leave" on public.members for delete to authenticated using (id = auth.uid());
create policy "edit own" on public.members for update to authenticated using (id = auth.uid() and left_at is null);

-- Tenants, and what hangs on them: the path to the user has two steps.
create table public.orgs (id integer generated always as identity primary key, owner_id uuid not null references public.members);
create table public.documents (
    id integer primary key,
    org_id integer not null references public.orgs,
    title text not null constraint documents_title_short check (length(title) < 20),
    archived boolean not null default false,
    changed_at timestamptz,
    size integer generated always as (length(title)) stored
);
alter table public.documents enable row level security;
create policy "own tenant" on public.documents to authenticated
using (exists (select from public.orgs as o where o.id = org_id and o.owner_id = auth.uid()));
create policy "archives stay" on public.documents as restrictive for update to authenticated using (not archived);

-- Writes that reach other tables.
create table public.ledger (id integer generated always as identity primary key, member_id uuid references public.members on delete cascade, amount integer);
create function public.charge() returns trigger language plpgsql security definer as
$$ begin
    insert into public.ledger (member_id, amount) select owner_id, -1 from public.orgs where id = new.org_id;
    update public.members set credits = credits - 1 from public.orgs as o where o.id = new.org_id and members.id = o.owner_id;
    return null;
end $$;
create trigger charge after insert on public.documents for each row execute function public.charge();
create function public.stamp() returns trigger language plpgsql as
$$ begin
    if new.title = 'forbidden' || 'x' then raise exception 'no' using errcode = '42501'; end if;
    new.changed_at := clock_timestamp();
    return new;
end $$;
create trigger stamp before update on public.documents for each row execute function public.stamp();

-- Nobody's rows, and an identity that can not be given.
create table public.tips (id bigint generated always as identity primary key, author uuid references public.members, body text);
alter table public.tips enable row level security;
create policy "own or nobody's" on public.tips to authenticated using (author = auth.uid() or author is null);
create table public.replies (tip_id bigint not null references public.tips on delete cascade, body text);

-- No key at all; no path to a user; two rows that are the same.
create table public.journal (entry text, place point);

-- Owned by nothing but the value, with names that need quotes.
create table public."Odd  ""Items""" ("Id" integer primary key, "The Owner" uuid, "select" text);
alter table public."Odd  ""Items""" enable row level security;
create policy "mine" on public."Odd  ""Items""" for select to authenticated using ("The Owner" = auth.uid());

-- A partition can be asked for by its own name, and has no policy of its own.
create table public.events (day date, member_id uuid references public.members, primary key (day, member_id)) partition by range (day);
create table public.events_2026 partition of public.events for values from ('2026-01-01') to ('2027-01-01');
alter table public.events enable row level security;
create policy "own" on public.events for select to authenticated using (member_id = auth.uid());

-- Nothing may be read here, and still something written.
create table public.inbox (id integer primary key, member_id uuid references public.members, body text);

create view public.own_documents with (security_invoker = true) as select id, title from public.documents;
create view public.all_members as select id, name from public.members;
create sequence public.tickets;
create function public.greet() returns text language sql as 'select ''hello''';
create function public.pay(amount integer) returns integer language sql as 'select 1';
create schema hidden;
create table hidden.secrets (id integer primary key);

revoke all on all tables in schema public from anon, authenticated;
revoke all on all sequences in schema public from anon, authenticated;
revoke execute on all functions in schema public from public, anon, authenticated;
grant execute on function public.greet() to authenticated;
grant usage on sequence public.tickets to authenticated;
grant delete, select (id, name, tier, credits, left_at), update (name, tier, id) on public.members to authenticated;
grant select on public.orgs to authenticated;
grant select, insert (id, org_id, title, archived), update (title, org_id), delete on public.documents to authenticated;
grant select, insert, update, delete on public.tips to authenticated;
grant select on public.journal, public."Odd  ""Items""", public.events, public.events_2026 to authenticated;
grant truncate on public.journal to anon;
grant update (body), delete on public.inbox to authenticated;
grant select on public.own_documents, public.all_members to authenticated;

insert into public.members (id, name, tier, left_at) values
('a11ce000-0000-4000-8000-000000000001', 'alice', 'pro', null),
('b0b00000-0000-4000-8000-000000000002', 'bob', 'free', '2026-01-01');
insert into public.orgs (owner_id) select id from public.members order by id;
insert into public.documents (id, org_id, title, archived) values (1, 1, 'one', false), (2, 1, 'two', true), (3, 2, 'forbidden', false);
insert into public.tips (author, body) values
('a11ce000-0000-4000-8000-000000000001', 'a'), ('b0b00000-0000-4000-8000-000000000002', 'b'), (null, 'n');
insert into public.replies values (1, 'r'), (1, 's');
insert into public.journal values ('first', '(1,1)'), ('first', '(1,1)');
insert into public."Odd  ""Items""" values
(1, 'a11ce000-0000-4000-8000-000000000001', 'a'), (2, 'b0b00000-0000-4000-8000-000000000002', 'b');
insert into public.events values
('2026-02-02', 'a11ce000-0000-4000-8000-000000000001'), ('2026-03-03', 'b0b00000-0000-4000-8000-000000000002');
insert into public.inbox values (1, 'b0b00000-0000-4000-8000-000000000002', 'hello');
