-- A public blog with drafts, made by a tool that quotes everything: mixed case, a reserved word, a table without a key.

create schema "Blog";

create table "Blog"."Authors" (
    "authorId" uuid primary key,
    "displayName" text not null
);
create table "Blog"."Posts" (
    "postId" serial primary key,
    "authorId" uuid not null references "Blog"."Authors" ("authorId"),
    "order" integer not null default 0,
    "Title" text not null,
    "publishedAt" timestamptz
);
create table "Blog"."Comments" (
    "commentId" bigserial primary key,
    "postId" integer not null references "Blog"."Posts" ("postId") on delete cascade,
    "text" varchar(80) not null,
    "isSpam" boolean not null default false
);
create table "Blog"."PageViews" (
    "postId" integer not null references "Blog"."Posts" ("postId"),
    "seenBy" inet
);
create view "Blog"."Front Page" with (security_invoker = true) as
select p."postId", p."Title", a."displayName"
from "Blog"."Posts" as p inner join "Blog"."Authors" as a on p."authorId" = a."authorId"
where p."publishedAt" is not null;

alter table "Blog"."Authors" enable row level security;
alter table "Blog"."Posts" enable row level security;
alter table "Blog"."Comments" enable row level security;
alter table "Blog"."PageViews" enable row level security;

create policy "everybody knows the authors" on "Blog"."Authors" for select using (true);
create policy "everybody reads what is published" on "Blog"."Posts"
for select using ("publishedAt" is not null);
create policy "authors do all with their own" on "Blog"."Posts"
for all to authenticated using ("authorId" = (select auth.uid()));
create policy "comments are read below what is published" on "Blog"."Comments"
for select using (not "isSpam" and exists (
    select from "Blog"."Posts" as p where p."postId" = "Comments"."postId"
));
create policy "everybody comments" on "Blog"."Comments"
for insert with check (not "isSpam" and exists (
    select from "Blog"."Posts" as p where p."postId" = "Comments"."postId"
));
create policy "everybody is counted" on "Blog"."PageViews" for insert with check (true);

grant usage on schema "Blog" to anon, authenticated;
grant select on "Blog"."Authors", "Blog"."Posts", "Blog"."Comments", "Blog"."Front Page" to anon, authenticated;
grant insert, update, delete on "Blog"."Posts" to authenticated;
grant insert ("postId", "text") on "Blog"."Comments" to anon, authenticated;
grant insert on "Blog"."PageViews" to anon, authenticated;
grant usage on sequence "Blog"."Posts_postId_seq" to authenticated;
grant usage on sequence "Blog"."Comments_commentId_seq" to anon, authenticated;
