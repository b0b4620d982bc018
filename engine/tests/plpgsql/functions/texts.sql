create function texts_comments(a int) returns text language plpgsql as $body$
-- begin; if a then
declare /* a := 1; /* nested; */ */ said text := ';begin end;';--; text
begin--first
  -- said := 'commented';
  said := said || $$ ; begin if x then $$ || 'it''s; end' || E'\';' || U&'\0061;' ;/* c */said := said || '--no;' ; -- last;
  if/**/a>1/**/then/**/said:=said||'>';/**/else--x
said:=said||'<';end/**/if;
  execute $q$select $r$a;b$r$ || $1$q$ into said using said;return said;
end;
$body$;
-- call: select texts_comments(1), texts_comments(2)

create function texts_names("end" int, "if" text) returns text language plpgsql as $$
#variable_conflict use_variable
#print_strict_params on
declare exception text := 'e'; return_ int; perform int := 2; raise int[] := '{1,2}'; "begin" record; größe int := 1;
    open int; close int; get int; elsif int;
begin
    exception := exception || 'x'; perform = 3; raise[2] := 5; open := 1; close := 2; get := 3; elsif := 4;
    select 1 as "loop", 'ü' as größe_ into "begin"; größe := größe + 1; "end" := "end" + 1; "begin"."loop" := 8;
    $2 := $2 || '$'; if größe > 1 then "if" := "if" || exception || größe; end if;
    return "end" || "if" || "begin"::text || raise::text || perform || open || close || get || elsif;
end $$;
-- call: select texts_names(1, 'x')

create function texts_statements() returns text language plpgsql as $$
declare m int; words text[]; begin
create temp table texts_temp (n int) on commit drop; insert into texts_temp values (1); with x as (select 2 as n)
insert into texts_temp select n from x returning texts_temp.n into m; update texts_temp set n = n; select array_agg(t.n::text) into words from texts_temp as t;
create function pg_temp.atomic(a int) returns int begin atomic select case when a > 1 then 1 else 2 end; select a + 1; end;
do $d$ begin null; end $d$; lock table texts_temp; set local work_mem = '1MB'; grant select on texts_temp to public;
if exists (select from texts_temp where n = 1) then words[3] := 'x'; end if;
merge into texts_temp as t using (values (1)) as v (n) on t.n = v.n when matched then delete when not matched then do nothing;
return words::text || m || pg_temp.atomic(4) || (select count(*) from texts_temp)::text; end $$;
-- call: select texts_statements()

create function texts_carriage(a int) returns int language plpgsql as E'\r\nbegin\r\n  if a > 1 then\r\n    raise exception ''line'';\r\n  end if;\r\n  return a;\r\nend\r\n';
-- call: select texts_carriage(1)
-- call: select texts_carriage(2)
