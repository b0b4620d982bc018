select '1..1';
select 'not ok 1 - future # TODO: soon';
