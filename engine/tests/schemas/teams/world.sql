insert into api.organisations (slug, title) values ('north', 'North'), ('south', 'South');
insert into api.memberships (organisation_id, user_id, rank) values
(1, 'a11ce000-0000-4000-8000-000000000001', 'admin'),
(1, 'b0b00000-0000-4000-8000-000000000002', 'member'),
(2, 'dead0000-0000-4000-8000-000000000003', 'admin');
insert into public.tasks (organisation_id, title, done) values (1, 'Plough', 0), (2, 'Harvest', 100);
