insert into public."user" ("select", "from", "a ""quoted"" column", "per%cent") values
('a11ce000-0000-4000-8000-000000000001', 'Al''s', 'x"y', '%s'),
('b0b00000-0000-4000-8000-000000000002', 'Bob\', null, '%');
insert into public."table" values
('a11ce000-0000-4000-8000-000000000001', 1), ('b0b00000-0000-4000-8000-000000000002', 2);
insert into "Odd ""one"""."a.b" (user_id, v) values ('a11ce000-0000-4000-8000-000000000001', 'x');
insert into public.parent (owner, note) values ('a11ce000-0000-4000-8000-000000000001', 'x');
insert into public.child (owner, note, extra) values ('b0b00000-0000-4000-8000-000000000002', 'x', 'y');
insert into public.bookings (who, during) values
('a11ce000-0000-4000-8000-000000000001', '[2024-01-01, 2024-01-02)');
insert into public.rules values (1, 'a11ce000-0000-4000-8000-000000000001', 'x');
insert into public.no_key values (1, 'x', 'y'), (1, 'x', 'y');
insert into public.no_column default values;
insert into public.one_column values (1);
insert into public.extremes (id, owner, small, number, large, price, grid) values (
    32767, 'a11ce000-0000-4000-8000-000000000001', 32767, 2147483647, 9223372036854775807, 1, '{{1, 2}, {3, 4}}'
);
insert into public.self values
(1, null, 'a11ce000-0000-4000-8000-000000000001'), (2, 1, 'b0b00000-0000-4000-8000-000000000002');
insert into public.ring values (1, 1);
insert into public.stone values (1, 1);
insert into public.wide (id, owner) values (1, 'a11ce000-0000-4000-8000-000000000001');
refresh materialized view public.counted;
