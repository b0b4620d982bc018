-- Naive: a refund with nothing left to take only locks the user's row. Under REPEATABLE READ and SERIALIZABLE a job
-- that fails from an older snapshot waits for the lock, then goes on without seeing what is owed, and gives the credits
-- back.

create or replace function private.settle_payment(payment public.payments) returns void
language plpgsql
set search_path = ''
as $$
declare
    due integer;
    remaining integer;
    taken integer;
begin
    if payment.status = 'COMPLETED' then
        if payment.amount_thb = 0 and payment.package_id is not null then
            perform private.take_trial(payment.user_id);
        end if;
        perform private.post_entry(
            payment.user_id, 'PURCHASE', payment.credits_purchased,
            payment_id => payment.id, description => 'Credits purchased'
        );
        perform private.refuse_double_sale(payment);
        return;
    end if;
    select u.credits into remaining from public.users as u where u.id = payment.user_id for no key update;
    select payment.credits_purchased - coalesce(sum(r.credits), 0) into due
    from private.partial_refunds as r where r.payment_id = payment.id;
    taken := least(remaining, due);
    if taken > 0 then
        perform private.post_entry(
            payment.user_id, 'ADJUSTMENT', -taken, payment_id => payment.id, description => 'Payment refunded',
            metadata => jsonb_build_object('shortfall', due - taken)
        );
    end if;
    perform private.add_debt(payment.user_id, payment.id, due - taken);
end
$$;
