create table kinds_rows (n int, word text, stamped boolean);

create procedure kinds_commit(inout a int) language plpgsql as $$
begin
    insert into kinds_rows values (a, 'kept'); commit;
    insert into kinds_rows values (a + 1, 'lost'); rollback;
    for i in 1..2 loop insert into kinds_rows values (i, 'loop'); commit and chain; end loop;
    a := a * 10;
end $$;
-- call: call kinds_commit(4)

create function kinds_stamp() returns trigger language plpgsql security definer set search_path = '' as $$
begin if tg_op = 'DELETE' then return old; end if; if new.n > 100 then return null; end if; new.stamped := true; return new; end $$;
comment on function kinds_stamp() is 'Stamps.';
revoke execute on function kinds_stamp() from public;
create trigger stamp before insert or delete on kinds_rows for each row execute function kinds_stamp();
create function kinds_count() returns trigger language plpgsql as $$
declare n int; begin select count(*) into n from changed; raise notice '% %', tg_name, n; return null; end $$;
create trigger count_ after insert on kinds_rows referencing new table as changed for each statement execute function kinds_count();
-- call: insert into kinds_rows values (1, 'x'), (101, 'y') returning *
-- call: delete from kinds_rows where n = 1
-- call: select * from kinds_rows

create function kinds_out(in a int, out b int, out c text, variadic rest int[] default '{}') language plpgsql
immutable strict parallel safe cost 7 as $$begin b := a + cardinality(rest); c := 'c' || b;end$$;
-- call: select * from kinds_out(1)
-- call: select (kinds_out(1, 2, 3)).*

create function kinds_table(top int) returns table (n int, square int) language plpgsql rows 5 stable as $$
begin for n in 1..top loop square := n * n; return next; end loop; return query select 0, 0; end $$;
-- call: select * from kinds_table(3)

create function kinds_poly(a anyelement, b anyarray) returns anyelement language plpgsql as $$
declare c a%type := a; begin foreach a in array b loop c := greatest(a, c); end loop; return c; end $$;
-- call: select kinds_poly(1, array[3, 2]), kinds_poly('x'::text, '{}'::text[])

create function "kinds Quoted"("a b" int) returns int language plpgsql as $$ begin return "a b" + 1; end $$;
-- call: select "kinds Quoted"(1)

create function kinds_recursive(n int) returns int language plpgsql as $$
begin if n <= 1 then return 1; end if; return n * kinds_recursive(n - 1); end $$;
-- call: select kinds_recursive(5)

create function kinds_rows_of(a kinds_rows, b kinds_rows default null) returns setof kinds_rows language plpgsql as $$
declare c kinds_rows%rowtype; d public.kinds_rows;
begin
    c := a; c.n := 5; a.word := 'a'; return next a; return next c;
    select 1, 'into' into d.n, d.word; return next d;
    for c in select * from kinds_rows limit 1 loop c.n := c.n + 100; return next c; end loop;
    return query select 7, 'q', true;
end $$;
-- call: select * from kinds_rows_of(row(1, 'x', null))
