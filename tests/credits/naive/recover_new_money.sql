-- Naive: what is owed is taken from whatever a job gives back, also from credits that were bought, and spent, after
-- the refund: a job of new money that our own worker fails costs the user that money.

create or replace function private.recover_debts(user_id uuid, job_ids uuid[]) returns void
language plpgsql
set search_path = ''
as $$
declare
    debt pg_catalog.record;
    owed integer;
    taken integer := 0;
begin
    for debt in
        select
            d.shortfall_id,
            d.after_entry,
            d.owed
        from private.open_debts(recover_debts.user_id) as d
    loop
        select least(debt.owed, coalesce(-sum(t.amount), 0) - taken) into owed
        from public.credit_transactions as t
        where t.job_id = any(recover_debts.job_ids) and t.type = 'USAGE';
        continue when owed <= 0;
        perform private.post_entry(
            recover_debts.user_id, 'ADJUSTMENT', -owed, description => 'Shortfall of a refunded payment',
            metadata => jsonb_build_object('recovered', owed)
        );
        perform private.reduce_debt(debt.shortfall_id, 'recovered', owed);
        taken := taken + owed;
    end loop;
end
$$;
