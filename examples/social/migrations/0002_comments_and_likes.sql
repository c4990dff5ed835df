create table comments (
  id integer generated always as identity primary key,
  post_id integer not null references posts (id) on delete cascade,
  author_id integer not null references users (id) on delete cascade,
  body text not null check (length(body) between 1 and 500),
  created_at timestamptz not null default now()
);
create index comments_post on comments (post_id, id);

create table likes (
  post_id integer not null references posts (id) on delete cascade,
  user_id integer not null references users (id) on delete cascade,
  primary key (post_id, user_id)
);
