select '1..2';
select 'not ok 1 - issue \# TODO is text';
select 'ok 2 - issue \#5 # SKIP later';
