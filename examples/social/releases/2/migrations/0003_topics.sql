-- Only adds: release 1 goes on beside it, and its posts get their topics by the trigger.
create table post_topics (
  post_id integer not null references posts (id) on delete cascade,
  topic text not null,
  primary key (topic, post_id)
);

create function topics_of(body text) returns table (topic text) language sql immutable as $$
  select distinct lower(found[1]) from regexp_matches(body, '#([A-Za-z0-9_]{2,30})', 'g') as found
$$;

create function note_topics() returns trigger language plpgsql as $$
begin
  insert into post_topics (post_id, topic) select new.id, topic from topics_of(new.body);
  return null;
end
$$;
create trigger posts_topics after insert on posts for each row execute function note_topics();

insert into post_topics (post_id, topic)
select posts.id, topics_of.topic from posts, topics_of(posts.body)
on conflict do nothing;
