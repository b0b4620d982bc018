select 'ok 1 - truth';
