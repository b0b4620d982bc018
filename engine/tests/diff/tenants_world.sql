insert into public.members (user_id, tenant) values
('a11ce000-0000-4000-8000-000000000001', 'north'), ('b0b00000-0000-4000-8000-000000000002', 'south');
insert into public.documents (id, owner, tenant, stage, label) values
(1, 'a11ce000-0000-4000-8000-000000000001', 'north', 'DRAFT', 'a'),
(2, 'a11ce000-0000-4000-8000-000000000001', 'north', 'REVIEW', 'b'),
(3, 'a11ce000-0000-4000-8000-000000000001', 'north', 'PUBLISHED', 'c'),
(4, 'b0b00000-0000-4000-8000-000000000002', 'south', 'DRAFT', 'd'),
(5, 'b0b00000-0000-4000-8000-000000000002', 'south', 'PUBLISHED', 'e');
