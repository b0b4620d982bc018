-- Costs are the planner's; no index is ever advised.

create function index_advisor(query text) returns table (
    startup_cost_before jsonb,
    startup_cost_after jsonb,
    total_cost_before jsonb,
    total_cost_after jsonb,
    index_statements text[],
    errors text[]
)
language plpgsql volatile
as $$
declare
    plan jsonb;
begin
    execute 'explain (format json) ' || query into plan;
    plan := plan #> '{0,Plan}';
    return query select
        plan -> 'Startup Cost', plan -> 'Startup Cost', plan -> 'Total Cost', plan -> 'Total Cost', array[]::text[],
        array[]::text[];
exception when others then
    return query select null::jsonb, null::jsonb, null::jsonb, null::jsonb, array[]::text[], array[sqlerrm];
end
$$;
