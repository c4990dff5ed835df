create table users (
  id integer generated always as identity primary key,
  name text not null unique check (name ~ '^[a-z0-9_]{2,24}$'),
  joined_at timestamptz not null default now()
);

create table sessions (
  token_hash bytea primary key,
  user_id integer not null references users (id) on delete cascade,
  expires_at timestamptz not null
);

create table posts (
  id integer generated always as identity primary key,
  author_id integer not null references users (id) on delete cascade,
  body text not null check (length(body) between 1 and 500),
  created_at timestamptz not null default now()
);
create index posts_author on posts (author_id, id desc);

-- Every process hears of a new post, whichever process took it.
create function announce_post() returns trigger language plpgsql as $$
begin
  perform pg_notify('posts', new.id::text);
  return null;
end
$$;
create trigger posts_announced after insert on posts for each row execute function announce_post();
