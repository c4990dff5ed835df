-- what holds for each service; the one column knew only of all of them
alter table environments add column holds jsonb not null default '[]';
update environments set holds = jsonb_build_array(jsonb_build_object('mode', hold)) where hold <> 'off';
alter table environments drop column hold;
