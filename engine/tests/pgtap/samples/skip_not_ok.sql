select '1..1';
select 'not ok 1 - was skipped # SKIP no such platform';
