insert into public.shelves (id, room) values (1, 'north'), (2, 'south');
insert into public.books (id, reader, shelf_id, title, pages) values
(1, 'a11ce000-0000-4000-8000-000000000001', 1, 'Emma', 400),
(2, 'b0b00000-0000-4000-8000-000000000002', 1, 'Ulysses', 700),
(3, null, 2, 'Faust', 200);
update public.books set remark = 'torn' where id = 1;
insert into public.visits (reader, day) values
('a11ce000-0000-4000-8000-000000000001', '2026-01-01'), ('a11ce000-0000-4000-8000-000000000001', '2026-01-01');
