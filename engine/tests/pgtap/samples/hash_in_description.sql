select '1..1';
select 'not ok 1 - colour #fff # TODO is text';
