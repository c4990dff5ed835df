create table projects (
  name text primary key,
  -- where it was deployed from last, on the machine of the control plane
  directory text not null,
  -- address of its repository, without credentials; null: none was named there
  repository text,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
