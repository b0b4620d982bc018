insert into "Blog"."Authors" ("authorId", "displayName") values
('a11ce000-0000-4000-8000-000000000001', 'Alice'), ('b0b00000-0000-4000-8000-000000000002', 'Bob');
insert into "Blog"."Posts" ("authorId", "Title", "publishedAt") values
('a11ce000-0000-4000-8000-000000000001', 'Out', '2025-01-01'), ('a11ce000-0000-4000-8000-000000000001', 'Draft', null),
('b0b00000-0000-4000-8000-000000000002', 'Out too', '2025-01-02');
insert into "Blog"."Comments" ("postId", "text", "isSpam") values (1, 'Nice', false), (1, 'Buy', true), (2, 'Early', false);
insert into "Blog"."PageViews" ("postId", "seenBy") values (1, '192.0.2.1'), (1, '192.0.2.1'), (3, null);
