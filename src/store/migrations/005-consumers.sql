-- How far each consumer has read; a cursor moves in the transaction of its effect.
create table consumer_cursors (
  consumer text not null,
  -- 'events', or the environment whose samples are read
  source text not null,
  cursor text not null,
  moved_at timestamptz not null default now(),
  primary key (consumer, source)
);

-- What happened to requests, by the minute of their arrival.
create table sample_minutes (
  environment text not null references environments (key),
  minute timestamptz not null,
  service text not null,
  release text not null,
  requests bigint not null,
  bad bigint not null,
  status_classes jsonb not null,
  latency jsonb not null,
  primary key (environment, minute, service, release)
);
create index sample_minutes_by_minute on sample_minutes (minute);
