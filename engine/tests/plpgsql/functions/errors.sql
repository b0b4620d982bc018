create table errors_log (said text);

create function errors_raise(how text) returns text language plpgsql as $$
begin
    insert into errors_log values ('outside ' || how);
    begin
        insert into errors_log values (how);
        case how
            when 'plain' then raise exception 'plain %', how using detail = 'd', hint = 'h', errcode = 'PT409';
            when 'name' then raise unique_violation;
            when 'state' then raise sqlstate '22012' using message = 'state';
            when 'notice' then raise notice 'noticed % %%', how; raise warning using message = 'warned';
            when 'assert' then assert how <> 'assert', 'asserted';
            when 'strict' then declare n int; begin select 1 into strict n where false; end;
            when 'call' then perform errors_raise('plain');
            when 'cast' then return 'x'::int;
            when 'missing' then execute 'select ' || how;
        end case;
    exception
        when unique_violation then return 'unique ' || sqlerrm;
        when sqlstate '22012' then raise;
        when raise_exception or no_data_found then raise exception 'again: %', sqlerrm using errcode = sqlstate;
    end;
    return 'through';
end $$;
-- call: select errors_raise('plain')
-- call: select errors_raise('name')
-- call: select errors_raise('state')
-- call: select errors_raise('notice')
-- call: select errors_raise('assert')
-- call: select errors_raise('strict')
-- call: select errors_raise('call')
-- call: select errors_raise('cast')
-- call: select errors_raise('missing')
-- call: select errors_raise('else')
-- call: select * from errors_log

create function errors_nothing() returns int language plpgsql as $$ begin end $$;
-- call: select errors_nothing()

create function errors_initialiser(a int) returns int language plpgsql as $$
declare b constant int := 10 / a; c int not null default b; declare d alias for c;
begin if d = 10 then d := null; end if; return d; end $$;
-- call: select errors_initialiser(0)
-- call: select errors_initialiser(1)
-- call: select errors_initialiser(2)
