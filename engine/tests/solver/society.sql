-- A condition of every kind that the solver inverts, each as a policy of its own.
create type public.rank as enum ('reader', 'editor', 'chair');
create type public.state as enum ('draft', 'review', 'published');
create domain public.grade as integer check (value between 1 and 5);

create table public.teams (
    id uuid primary key default gen_random_uuid(),
    name text not null check (name ~ '^[a-z][a-z0-9-]{2,30}$'),
    owner_id uuid references auth.users (id)
);
create table public.members (
    team_id uuid not null references public.teams (id),
    user_id uuid not null references auth.users (id),
    rank public.rank not null default 'reader',
    active boolean not null default true,
    primary key (team_id, user_id)
);
create table public.bans (user_id uuid primary key references auth.users (id), until date);
create table public.papers (
    id uuid primary key default gen_random_uuid(),
    team_id uuid references public.teams (id),
    author_id uuid not null references auth.users (id),
    state public.state not null default 'draft',
    title text not null,
    grade public.grade,
    score integer,
    meta jsonb not null default '{}',
    tags text[] not null default '{}',
    shown_during tstzrange,
    created_at timestamptz not null default now(),
    shown boolean not null generated always as (title like 'shown:%') stored
);
create table public.halls (id integer primary key, closed boolean not null default false);
create table public.seats (id integer primary key, hall_id integer not null references public.halls);
alter table public.halls enable row level security;
alter table public.seats enable row level security;
create policy "open halls" on public.halls using (not closed);
alter table public.members enable row level security;
alter table public.papers enable row level security;
create policy "own memberships" on public.members for select using (user_id = (select auth.uid()));

create function public.is_member(team uuid) returns boolean
language sql stable security definer set search_path = ''
as $$ select exists (select from public.members as m where m.team_id = team and m.user_id = auth.uid()) $$;
create function public.my_teams() returns setof uuid
language sql stable security definer set search_path = public
as $$ select team_id from members where user_id = auth.uid() $$;
create function public.my_ids() returns setof uuid
language sql stable security definer set search_path = ''
as $$
    select auth.uid() where auth.uid() is not null
    union
    select m.team_id from public.members as m where m.user_id = auth.uid()
$$;
create function public.owns(team_id uuid) returns boolean
language sql stable security definer set search_path = ''
as $$ select exists (select from public.teams as t where t.id = owns.team_id and t.owner_id = auth.uid()) $$;
create function public.my_ranks() returns table (team uuid, best public.rank)
language sql stable security definer set search_path = ''
as $$ select m.team_id, max(m.rank) from public.members as m where m.user_id = auth.uid() group by m.team_id $$;
create function public.my_seats() returns table (team uuid, held public.rank)
language sql stable security definer set search_path = ''
as $$ select m.team_id, m.rank from public.members as m where m.user_id = auth.uid() $$;
create function public.my_rank(team_id uuid) returns public.rank
language plpgsql stable security definer set search_path = ''
as $$
declare
    found_rank public.rank;
begin
    select m.rank into found_rank from public.members as m where m.team_id = my_rank.team_id and m.user_id = auth.uid();
    return found_rank;
end
$$;
create function public.may_edit(paper_team uuid) returns boolean
language plpgsql stable security definer set search_path = ''
as $$
declare
    member record;
begin
    if auth.uid() is null then
        return false;
    end if;
    select * into member from public.members as m where m.team_id = paper_team and m.user_id = auth.uid();
    if not found then
        return false;
    end if;
    return member.active and member.rank in ('editor', 'chair');
end
$$;
create function public.holds(kind text, paper_team uuid) returns boolean
language plpgsql stable security definer set search_path = ''
as $$
declare
    place text := 'public';
    held boolean;
begin
    execute format('select exists (select from %I.%s as m where m.team_id = %L ', place, kind, paper_team)
        || 'and m.user_id = $1)' into held using auth.uid();
    return held;
end
$$;
create function public.chairs(paper_team uuid) returns setof uuid
language plpgsql stable security definer set search_path = ''
as $$
begin
    return query execute 'select user_id from public.members where rank = ''chair'' and team_id = ' || quote_literal(paper_team);
end
$$;
create function public.counted(name text) returns bigint
language plpgsql stable
as $$
declare
    rows bigint;
begin
    execute 'select count(*) from public.' || (select quote_ident(name)) into rows;
    return rows;
end
$$;
create function public.users_of(team uuid) returns uuid[]
language sql stable security definer set search_path = ''
as $$ select array_agg(m.user_id) from public.members as m where m.team_id = team $$;
create function public.claim(name text) returns text
language sql stable
as $$ select coalesce(current_setting('request.jwt.claims', true)::jsonb -> 'app_metadata' ->> name, 'none') $$;
create function public.is_sound(anything text) returns boolean
language plpgsql
as $$
begin
    for i in 1 .. 3 loop
        if anything like 'unsound%' then
            return false;
        end if;
    end loop;
    return true;
end
$$;
create view public.active_members as
select m.team_id, m.user_id as id from public.members as m where m.active;

create table public.notes (
    id integer generated always as identity primary key,
    mood text not null check (mood in ('glad', 'sad')),
    folder text
);
create policy "word" on public.notes using (mood <> 'glad');
create policy "two unknowns" on public.notes using (
    lower(folder) = lower(auth.jwt() -> 'app_metadata' ->> 'folder')
);
create policy "header" on public.notes using (
    current_setting('request.headers', true)::json ->> 'x-key' = 'open'
);

create policy "column" on public.papers using (author_id = auth.uid());
create policy "exists" on public.papers using (exists (
    select from public.members as m where m.team_id = papers.team_id and m.user_id = auth.uid() and m.active
));
create policy "in" on public.papers using (team_id in (select m.team_id from public.members as m where m.user_id = auth.uid()));
create policy "helper" on public.papers using (public.is_member(team_id));
create policy "set" on public.papers using (team_id in (select public.my_teams()));
create policy "set in from" on public.papers using (exists (
    select from public.teams as t inner join public.my_ids() on (t.owner_id = my_ids) where t.id = papers.team_id
));
create policy "columns of a helper" on public.papers using (exists (
    select from public.my_seats() as s where s.team = papers.team_id and s.held = 'chair'
));
create policy "own arguments" on public.papers using (public.owns(team_id));
create policy "using" on public.papers using (exists (
    select from public.members as m inner join public.teams as t on (m.team_id = t.id)
    inner join public.bans using (user_id) where t.id = papers.team_id and bans.until > '2020-01-01'
));
create policy "table of a helper" on public.papers using (team_id in (select r.team from public.my_ranks() as r));
create policy "helper value" on public.papers using (public.my_rank(team_id) = 'chair');
create policy "helper branches" on public.papers using (public.may_edit(team_id));
create policy "text of a helper" on public.papers using (public.holds('members', team_id));
create policy "text of a set" on public.papers using (auth.uid() in (select public.chairs(team_id)));
create policy "unknown text" on public.papers using (public.counted('teams') > 7);
create policy "array of a helper" on public.papers using (auth.uid() = any(public.users_of(team_id)));
create policy "view" on public.papers using (exists (
    select from public.active_members as a where a.team_id = papers.team_id and a.id = auth.uid()
));
create policy "join" on public.papers using (exists (
    select from public.teams as t inner join public.members as m on t.id = m.team_id
    where t.id = papers.team_id and m.user_id = auth.uid() and t.name like 'board%'
));
create policy "with" on public.papers using (team_id in (
    with mine as (select m.team_id from public.members as m where m.user_id = auth.uid()) select mine.team_id from mine
));
create policy "not exists" on public.papers using (not exists (
    select from public.bans as b where b.user_id = papers.author_id
));
create policy "scalar" on public.papers using ((select t.owner_id from public.teams as t where t.id = papers.team_id) = auth.uid());
create policy "count" on public.papers using ((select count(*) from public.bans as b where b.until = papers.created_at::date) >= 2);
create policy "any of" on public.papers using (state = any(array['review', 'published']::public.state[]));
create policy "different" on public.papers using (state <> 'draft');
create policy "between" on public.papers using (score between 5 and 10);
create policy "arithmetic" on public.papers using (score * 2 + 1 = 7);
create policy "null" on public.papers using (score is null);
create policy "coalesced" on public.papers using (coalesce(score, 0) > 100);
create policy "case" on public.papers using (case when state = 'draft' then score = 1 else score = 2 end);
create policy "like" on public.papers using (title like 'open%');
create policy "unlike" on public.papers using (title !~~ '%secret%');
create policy "pattern" on public.papers using (title ~* '^[a-f]+-\d{3}$');
create policy "lower" on public.papers using (lower(title) = 'agenda');
create policy "part" on public.papers using (split_part(title, ':', 2) = 'open');
create policy "joined" on public.papers using (title = 'of ' || auth.uid()::text);
create policy "length" on public.papers using (length(title) > 60);
create policy "document" on public.papers using ((meta ->> 'shared')::boolean);
create policy "deep document" on public.papers using ((meta #>> '{a,b}') = 'c' and (meta -> 'a' ->> 'd') = 'e');
create policy "contains" on public.papers using (meta @> '{"open": true}');
create policy "key" on public.papers using (meta ? 'open');
create policy "element" on public.papers using ('shared' = any(tags));
create policy "folder" on public.papers using ((storage.foldername(title))[1] = auth.uid()::text);
create policy "old" on public.papers using (created_at < now() - interval '400 days');
create policy "year" on public.papers using (extract(year from created_at) = 2024);
create policy "age" on public.papers using (date_trunc('day', created_at) = '2024-05-05 00:00+00');
create policy "id" on public.papers using (id::text like '%ffff');
create policy "generated" on public.papers using (shown);
create policy "domain" on public.papers using (grade > 3);
create policy "joined in order" on public.papers using (state || ':' || title || '/' || tags [1] = 'review:x/y');
create policy "place in an array" on public.papers using (array_position(tags, 'gold') is not null);
create policy "list in a text" on public.papers using (string_to_array(title, ',') && array['free', 'open']);
create policy "parts of a text" on public.papers using (
    exists (select from string_to_table(title, ',') as part where trim(part) = 'open')
);
create policy "first of a document" on public.papers using (meta -> 'owners' -> 0 ->> 'id' = auth.uid()::text);
create policy "element of a document" on public.papers using (exists (
    select from jsonb_array_elements(meta -> 'people') as person
    where (person ->> 'id')::uuid = auth.uid() and person ->> 'kind' = 'editor'
));
create policy "record of a document" on public.papers using (exists (
    select from jsonb_to_recordset(meta -> 'rights') as one (id uuid, may text)
    where one.id = auth.uid() and one.may = 'read'
));
create policy "elements of a claim" on public.papers using (
    team_id in (select (jsonb_array_elements_text(auth.jwt() -> 'app_metadata' -> 'teams'))::uuid)
);
create policy "records of a claim" on public.papers using (exists (
    select from jsonb_array_elements(auth.jwt() -> 'app_metadata' -> 'seats') as seat
    where (seat ->> 'team')::uuid = papers.team_id and seat ->> 'rank' = 'chair'
));
create policy "bits" on public.papers using ((score & 4) <> 0 and score | 1 = 13);
create policy "remainder" on public.papers using (score % 7 = 3);
create policy "moment in a range" on public.papers using (shown_during @> now());
create policy "own moment in a range" on public.papers using (created_at <@ shown_during);
create policy "bounds of a range" on public.papers using (
    lower(shown_during) <= now() and upper(shown_during) > now()
);
create policy "row that must be there" on public.seats using (exists (
    select from public.halls as h where h.id = seats.hall_id and not h.closed
));
create policy "claim" on public.papers using ((auth.jwt() -> 'app_metadata' ->> 'role') = 'admin');
create policy "claim of a helper" on public.papers using (public.claim('plan') in ('pro', 'team'));
create policy "distinct" on public.papers using (score is distinct from grade);
create policy "truth" on public.papers using ((score > 3) is not true);
create policy "row" on public.papers using ((score, title) = (4, 'four'));
create function public.is_ours(paper public.papers) returns boolean
language sql stable security definer set search_path = ''
as $$
    select exists (
        select from public.members as m where m.team_id = paper.team_id and m.user_id = auth.uid()
    )
$$;
create function public.is_open(paper public.papers) returns boolean
language plpgsql stable security definer set search_path = ''
as $$
declare
    title text := 'open';
begin
    if paper.state = 'published' then
        return true;
    end if;
    return paper.title = title;
end $$;
-- As the platform's guide enforces second factors for those who have one.
create function public.has_shown_all_factors() returns boolean
language plpgsql security definer set search_path = ''
as $$
begin
    return array[(select auth.jwt() ->> 'aal')] <@ (
        select case when count(f.id) > 0 then array['aal2'] else array['aal1', 'aal2'] end
        from auth.mfa_factors as f
        where (select auth.uid()) = f.user_id and f.status = 'verified'
    );
end $$;
create function public.is_chief() returns boolean
language plpgsql set search_path = ''
as $$
declare
    chief boolean;
begin
    if not public.has_two_factors() then
        return false;
    end if;
    select (auth.jwt() ->> 'app_metadata')::jsonb ->> 'role' = 'chief' into chief;
    return coalesce(chief, false);
end $$;
create function public.has_two_factors() returns boolean
language plpgsql set search_path = ''
as $$
declare
    two boolean;
begin
    select auth.jwt() ->> 'aal' = 'aal2' into two;
    return coalesce(two, false);
end $$;
-- Nobody may name what is in this schema; a policy, whose owner may, calls it all the same.
create schema tools;
create function tools.owner_of(title text) returns uuid
language plpgsql immutable
as $$
begin
    return replace(title, '.pdf', '')::uuid;
end $$;
alter table public.papers add column remark text check (remark is null or length(remark) > 0);
create policy "element of an array" on public.papers using (
    exists (select from unnest(tags) as tag (word) where tag.word = 'gold')
);
create policy "listed values" on public.papers using (
    title in (select listed.word from (values ('one'), ('two')) as listed (word))
);
create policy "age so far" on public.papers using (age(created_at) > interval '10 years');
create policy "years so far" on public.papers using (extract(year from age(created_at)) >= 18);
create policy "joined with a sign" on public.papers using (concat_ws(':', title, meta ->> 'x') = 'a:b');
create policy "what a check lets be null" on public.papers using (remark is not null);
create function public.as_uuid(given text) returns uuid
language plpgsql immutable
as $$
begin
    return given::uuid;
exception
    when others then
        return null;
end $$;
create policy "what may fail" on public.papers using (public.as_uuid(meta ->> 'owner') = auth.uid());
create policy "closed schema" on public.papers using (tools.owner_of(title) = auth.uid());
create policy "counted in a case" on public.papers using (public.has_shown_all_factors());
create policy "document in a text" on public.papers using (public.is_chief());
create policy "whole row" on public.papers using (public.is_ours(papers));
create policy "whole row of a body" on public.papers using (public.is_open(papers.*));
create policy "opaque" on public.papers using (public.is_sound(title));
create policy "both" on public.papers using (
    (author_id = auth.uid() and state = 'draft') or (state = 'published' and not (score < 3 or 'hidden' = any(tags)))
);
create type public.place as (street text, town text, zone integer);
alter table public.papers add column site public.place;
alter table public.papers add column former public.place[];
