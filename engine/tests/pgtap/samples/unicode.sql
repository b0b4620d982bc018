select '1..1';
select 'ok 1 - größer 🐘 « ok »';
