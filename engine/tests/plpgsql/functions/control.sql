create function control_if(a int) returns text language plpgsql as $$
declare said text := ''; begin
  if a > 0 then said := said || 'p'; if a > 1 then said := said || 'q'; end if; elsif a = 0 then said := said || 'z';
  elseif a = -1 then null; else said := said || 'n'; said := said || 'm'; end if;
  if (case when a > 1 then true else false end) then said := said || 'c'; else null; end if;return said; end$$;
-- call: select a, control_if(a) from generate_series(-2, 2) as a

create function control_case(a int) returns text language plpgsql as $$
declare said text;
begin
    case a when 1, 2 then said := 'few'; when 3 then said := case when a > 2 then 'three' end; else null; end case;
    case when a = 1 then said := said || '!'; when a = 2 then null; else said := said || '?'; end case;
    case a % 2
        when 0 then
            case when a > 2 then return 'even'; else null; end case;
        when 1 then null;
    end case;
    return said;
end
$$;
-- call: select a, control_case(a) from generate_series(1, 4) as a

create function control_no_case(a int) returns void language plpgsql as $$
begin case a when 1 then perform 1; end case; end $$;
-- call: select control_no_case(1)
-- call: select control_no_case(2)

create function control_loops(a int) returns text language plpgsql as $$
<<whole>>
declare
    said text := '';
    item int;
    pair int[];
    row record;
    open_ cursor (top int) for select n from generate_series(1, top) as n;
begin
    for i in 1..a loop said := said || i; end loop;
    for i in reverse a..1 by 2 loop said := said || '-' || i; end loop;
    for row in select n, n * n as square from generate_series(1, a) as n order by n desc loop
        continue when row.n = 2; said := said || row.square; end loop;
    for row in execute 'select n from generate_series(1, $1) as n' using a loop said := said || '.'; end loop;
    for row in open_(a) loop said := said || row.n; end loop;
    foreach item in array array_fill(7, array[a]) loop said := said || item; end loop;
    foreach pair slice 1 in array array[array[1, 2], array[3, a]] loop said := said || pair::text; end loop;
    <<outer_>> while length(said) < 60 loop
        said := said || '_';
        <<"inner loop">>
        loop
            exit outer_ when a = 3;
            exit "inner loop";
        end loop "inner loop";
        continue outer_ when a = 4; said := said || '=';
    end loop outer_;
    while false loop said := 'never'; end loop;
    begin exit whole when a = 5; said := said || 'b'; end;
    <<nested>> declare said text := 'hidden'; begin whole.said := whole.said || nested.said; end nested;
    loop if a > 0 then return said; end if; exit; end loop;
    return 'none';
end whole$$;
-- call: select a, control_loops(a) from generate_series(0, 4) as a

create function control_multiply(a int) returns int language plpgsql as $$
declare n int := 0;
begin
    for i in 1..a loop for j in 1..i loop if j = 2 then continue; end if; n := n + 1; end loop;end loop;
    return n;
end $$;
-- call: select control_multiply(4)
