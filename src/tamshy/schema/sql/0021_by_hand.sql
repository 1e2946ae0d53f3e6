-- Somebody who is put into a flow by hand is an item like any other: `facts` names the flow, `properties` is what the caller gave.
do $$
declare known text;
begin
    select pg_get_constraintdef(oid) into known from pg_constraint
    where conrelid = 'inbox'::regclass and conname = 'inbox_kind_check';
    alter table inbox drop constraint inbox_kind_check;
    execute 'alter table inbox add constraint inbox_kind_check '
        || replace(known, '''engage''::text', '''engage''::text, ''by_hand''::text');
end $$;
