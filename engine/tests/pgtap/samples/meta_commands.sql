\set wanted 2
\pset null '(null)'
begin;
select plan(1);
\if true
select is(1 + 1, :wanted, 'sum');
\else
select fail('dead branch');
\endif
select 'ignored' as row \gset
select * from finish();
rollback;
