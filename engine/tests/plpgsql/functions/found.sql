create table found_items (n int primary key, word text);

create function found_kept() returns setof text language plpgsql as $$
declare rows_ int; n int; row found_items; moving refcursor;
begin
    return next found::text;
    insert into found_items values (1, 'one'), (2, 'two');
    get diagnostics rows_ = row_count;
    return next format('insert %s %s', found, rows_);
    update found_items set word = 'deux' where found_items.n = 7;
    return next found; get current diagnostics rows_ := row_count; return next rows_;
    perform 1; return next found;
    perform 1 where false; if found then return next 'never'; end if;
    return next found;
    select * into row from found_items as i where i.n = 2; return next row.word || found;
    select i.n into n from found_items as i where i.n = 9; return next coalesce(n::text, 'none') || found;
    for i in 1..2 loop null; end loop; return next found;
    for i in 1..0 loop null; end loop; return next found;
    for row in select * from found_items where false loop null; end loop; return next found;
    for row in delete from found_items where found_items.n = 2 returning * loop perform 1 where false; end loop;
    return next found;
    while found loop perform 1 where false; end loop; return next found;
    execute 'select 1 where false'; get diagnostics rows_ = row_count; return next rows_; return next found;
    open moving for select 1; fetch moving into n; return next found; move moving; return next found; close moving;
    return query select 'query'; return next found;
    return query execute 'select $1 where false' using 'x'; return next found;
    declare p int; begin select 5 into strict p where false; exception when others then null; end; return next found;
    return;
end $$;
-- call: select * from found_kept()
-- call: select * from found_items

create function found_stacked() returns text language plpgsql as $$
declare said text := ''; part text; where_ text;
begin
    begin
        perform 1 / 0;
    exception
        when unique_violation then said := 'never';
        when division_by_zero or no_data_found then
            get stacked diagnostics part = returned_sqlstate, where_ = pg_exception_context;
            said := part || sqlerrm || where_ || sqlstate;
            begin raise exception using message = 'second', errcode = 'XX123'; exception when others then said := said || sqlstate; end;
            said := said || sqlstate || found;
    end;
    get diagnostics where_ = pg_context;
    return said || where_;
end $$;
-- call: select found_stacked()
