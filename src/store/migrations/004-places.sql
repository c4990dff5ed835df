-- Where an environment runs; its releases carry what was decided for that place, where the edge's settings stood before.
alter table environments add column target jsonb;
update environments set target = '{"name": "local", "settings": {}}' where release is not null or split is not null;

update releases set record = (record - 'edge') || jsonb_build_object(
  'target', jsonb_build_object('name', 'local', 'settings', jsonb_build_object('edge', (record -> 'edge') - 'keepAssetsOfReleases')),
  'keepAssetsOfReleases', coalesce(record -> 'edge' -> 'keepAssetsOfReleases', '3'))
where record ? 'edge';

update activities set request = jsonb_set(request, '{request,config}', (request #> '{request,config}' ) - 'edge' || jsonb_build_object(
  'target', jsonb_build_object('name', 'local', 'settings', jsonb_build_object('edge', (request #> '{request,config,edge}') - 'keepAssetsOfReleases')),
  'keepAssetsOfReleases', coalesce(request #> '{request,config,edge,keepAssetsOfReleases}', '3')))
where request #> '{request,config,edge}' is not null;
