-- Which versions of the schema a release works with: nothing is known of those before.
update releases set record = record || '{"schema": null}' where not record ? 'schema';

-- What an activity waits for at its admission, and until when.
alter table activities add column waiting jsonb;

-- A question names its answers and who may give them; there was one question before, which anybody might answer.
update activities set question = question || '{"options": ["promote", "roll-back"], "who": null}'
where question is not null and not question ? 'options';
