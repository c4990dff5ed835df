create sequence release_number;
create sequence deployment_number;

create table environments (
  key text primary key,
  project text not null,
  name text not null,
  preview_key text not null,
  http_port integer,
  -- the fence of the newest lease; the edge refuses tables with a lower one
  fence bigint not null default 0,
  lease_holder text,
  release text,
  warm_release text,
  -- the split that was last ordered, to bring a restarted machine back to it
  split jsonb,
  hold text not null default 'off',
  created_at timestamptz not null default now()
);

create table releases (
  id text primary key,
  environment text not null references environments (key),
  deployment text not null unique,
  record jsonb not null,
  state text not null,
  hold_reason text,
  created_at timestamptz not null default now()
);
create index releases_by_environment on releases (environment, created_at desc);

create table deployments (
  id text primary key,
  number bigint not null unique,
  kind text not null,
  environment text not null references environments (key),
  state text not null,
  strategy text not null,
  request jsonb not null,
  artifact text,
  release text,
  previous_release text,
  requested_by text not null,
  idempotency_key text unique,
  weight double precision not null default 0,
  plan jsonb,
  reason jsonb,
  verdict jsonb,
  question jsonb,
  differences jsonb not null default '[]',
  seconds jsonb not null default '{}',
  created_at timestamptz not null default now(),
  serving_at timestamptz,
  finished_at timestamptz
);
create index deployments_by_environment on deployments (environment, number desc);
create index deployments_running on deployments (environment) where finished_at is null;

create table deployment_steps (
  deployment text not null references deployments (id),
  position integer not null,
  name text not null,
  state text not null,
  detail text,
  started_at timestamptz,
  finished_at timestamptz,
  primary key (deployment, name)
);

create table deployment_messages (
  id bigint generated always as identity primary key,
  deployment text not null references deployments (id),
  kind text not null,
  sent_by text not null,
  data jsonb not null default '{}',
  sent_at timestamptz not null default now()
);
create index deployment_messages_by_deployment on deployment_messages (deployment, id);

-- one overwritten row per judgement: a restarted control plane goes on with the same evidence
create table judge_states (
  deployment text not null references deployments (id),
  phase text not null,
  state jsonb not null,
  cursor text,
  started_at timestamptz not null,
  updated_at timestamptz not null,
  primary key (deployment, phase)
);

-- measured figures kept with a deployment, such as the samples that a judgement rested on
create table evidence (
  deployment text not null references deployments (id),
  kind text not null,
  data bytea not null,
  created_at timestamptz not null default now(),
  primary key (deployment, kind)
);

create table events (
  sequence bigint generated always as identity primary key,
  at timestamptz not null default now(),
  type text not null,
  environment text,
  deployment text,
  data jsonb not null
);
create index events_by_deployment on events (deployment, sequence);

create table secrets (
  environment text not null references environments (key),
  name text not null,
  version integer not null,
  -- null marks a removal; old versions stay, so that a rollback restores them
  ciphertext bytea,
  created_at timestamptz not null default now(),
  primary key (environment, name, version)
);

create table rollbacks (
  deployment text primary key references deployments (id),
  environment text not null,
  -- from the command to the last request assigned elsewhere
  seconds double precision not null,
  way text not null,
  measured_at timestamptz not null default now()
);
