-- A small shop in which everything that can refuse does so once alone, and some things together.

create schema hidden;
create schema "Mixed Case";
create type public.mood as enum ('good', 'bad');
create domain public.short as text constraint "short enough" check (length(value) < 10);

-- Row level security: permissive, restrictive, two permissive ones, shared and missing clauses.
create table public.notes (
    id int primary key,
    owner uuid not null default auth.uid(),
    body text constraint notes_body_short check (length(body) < 20),
    secret text,
    banned boolean not null default false,
    label public.short,
    slug text
);
create unique index notes_slug_once on public.notes (slug) where slug is not null;
alter table public.notes enable row level security;
create policy "read own" on public.notes for select to authenticated using (owner = auth.uid());
create policy "add own" on public.notes for insert to authenticated with check (owner = auth.uid());
create policy "edit own" on public.notes for update to authenticated using (owner = auth.uid());
create policy "not banned" on public.notes as restrictive to authenticated using (not banned) with check (not banned);

create table public.boards (id int primary key, owner uuid, public boolean);
alter table public.boards enable row level security;
create policy "own" on public.boards for select to authenticated using (owner = auth.uid());
create policy "public" on public.boards for select to authenticated using (public);

create table public.vault (id int primary key);
alter table public.vault enable row level security;

-- Names that need quotes, and triggers, nested and through a helper.
create table "Mixed Case"."Order; Items" (
    "Id" int primary key,
    "Unit ""Price""" int constraint "Price > 0" check ("Unit ""Price""" > 0),
    "Owner" uuid
);
alter table "Mixed Case"."Order; Items" enable row level security;
create policy "Buyer's ""own""" on "Mixed Case"."Order; Items" to authenticated using ("Owner" = auth.uid());
create function "Mixed Case"."Say No"() returns trigger language plpgsql as
$$ begin raise exception 'no' using errcode = 'PT409'; end $$;
create trigger "Say; No" before delete on "Mixed Case"."Order; Items"
for each row execute function "Mixed Case"."Say No"();

create table public.orders (
    id int primary key,
    owner uuid,
    paid boolean not null default false constraint orders_are_unpaid check (not paid),
    state text,
    note_id int constraint orders_note_exists references public.notes (id)
);
alter table public.orders enable row level security;
create policy "read" on public.orders for select to authenticated using (owner = auth.uid());
create policy "edit" on public.orders for update to authenticated
using (owner = auth.uid()) with check (owner = auth.uid() and not paid);
create function hidden.refuse(why text) returns void language plpgsql as
$$ begin raise exception '%', why using errcode = '42501'; end $$;
create function public.keep_unpaid() returns trigger language plpgsql security definer as
$$ begin
    if new.paid then perform hidden.refuse('orders are paid elsewhere'); end if;
    return new;
end $$;
create trigger keep_unpaid before update on public.orders for each row execute function public.keep_unpaid();

create table public.journal (entry text);
create table public.log (entry text);
create function public.refuse_entry() returns trigger language plpgsql as
$$ begin if new.entry in ('bad', 'worst', 'broken') then raise exception 'bad entry'; end if; return new; end $$;
create trigger refuse_entry before insert on public.log for each row execute function public.refuse_entry();
create function public.copy_entry() returns trigger language plpgsql as
$$ begin
    insert into public.log (entry) values (new.entry);
    if new.entry = 'worst' then raise exception 'bad copy'; end if;
    if new.entry = 'broken' then perform 1 / 0; end if;
    return new;
end $$;
create trigger copy_entry after insert on public.journal for each row execute function public.copy_entry();
create function public.stop_entry() returns trigger language plpgsql as
$$ begin if new.entry = 'worst' then raise exception 'bad journal'; end if; return new; end $$;
create trigger stop_entry after insert on public.journal for each row execute function public.stop_entry();

-- A trigger, a default and a check that need what the caller does not have.
create table public.audit (entry text);
create table public.orphans (entry text);
create function public.write_audit() returns trigger language plpgsql as
$$ begin insert into public.audit (entry) values (new.entry); return new; end $$;
create trigger write_audit after insert on public.orphans for each row execute function public.write_audit();
create sequence public.tickets;
create function public.is_fine(text) returns boolean language sql as 'select true';
create table public.queue (
    number int default nextval('public.tickets'),
    entry text check (public.is_fine(entry))
);

-- A partitioned table: what refuses on a partition belongs to the parent.
create table public.events (
    day date not null, kind text not null, n int constraint events_n_positive check (n > 0),
    constraint events_once unique (day, kind)
) partition by range (day);
create table public.events_2026 partition of public.events for values from ('2026-01-01') to ('2027-01-01');
create trigger no_leap before insert on public.events for each row when (new.kind = 'leap')
execute function "Mixed Case"."Say No"();

-- Views and functions.
create view public.my_notes with (security_invoker = true) as select id, owner, body, secret from public.notes;
create view public.small_boards as select id, owner from public.boards where id < 100 with check option;
create function public.pay(amount int, moods public.mood[], "To" public.mood) returns int language sql as 'select 1';
create function public.pay(amount text) returns int language sql as 'select 1';
create table hidden.ideas ();
grant select on hidden.ideas to authenticated;
create function hidden.peek() returns int language sql as 'select 1';
create function public.raise_directly() returns void language plpgsql as
$$ begin raise exception 'never' using errcode = 'PT402'; end $$;

revoke all on all tables in schema public from anon, authenticated;
revoke all on all sequences in schema public from anon, authenticated;
revoke execute on function public.pay(int, public.mood[], public.mood), public.is_fine(text) from public, anon, authenticated;
grant usage on schema "Mixed Case" to authenticated;
grant select (id, owner, body, banned, label, slug), insert (id, owner, body, banned, label, slug) on public.notes
to authenticated;
grant update (body, owner) on public.notes to authenticated;
grant select on public.boards, public.my_notes, public.small_boards to authenticated;
grant insert, update on public.small_boards to authenticated;
grant select, insert, update, delete on public.vault, "Mixed Case"."Order; Items", public.events to authenticated;
grant select on public.orders to authenticated;
grant update (state, note_id) on public.orders to authenticated;
grant select on public.journal to authenticated;
grant insert on public.journal, public.log, public.orphans, public.queue to authenticated;

insert into public.notes (id, owner, body, slug) values
(1, 'a11ce000-0000-4000-8000-000000000001', 'alice', 'a'), (2, 'b0b00000-0000-4000-8000-000000000002', 'bob', 'b');
insert into public.notes (id, owner, banned) values (3, 'a11ce000-0000-4000-8000-000000000001', true), (4, 'b0b00000-0000-4000-8000-000000000002', true);
insert into public.boards values (1, 'b0b00000-0000-4000-8000-000000000002', false);
insert into public.vault values (1);
insert into public.journal values ('first');
insert into public.orders (id, owner) values
(1, 'a11ce000-0000-4000-8000-000000000001'), (2, 'b0b00000-0000-4000-8000-000000000002');
insert into "Mixed Case"."Order; Items" values (1, 5, 'a11ce000-0000-4000-8000-000000000001'), (2, 5, null);
insert into public.events values ('2026-05-05', 'once', 1);
