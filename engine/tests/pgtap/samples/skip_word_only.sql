select '1..1';
select 'not ok 1 - skipping # SKIPPED no directive';
