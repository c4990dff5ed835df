/**
 * The Lua actions. `hold` lets a request wait while its service is held or has no usable instance; it decides anew
 * in every round, so a request that waited through a switch goes where new requests go. `hop` removes the headers
 * that a `Connection` header names, which HAProxy itself lets through.
 */
export const holdScript = `
local split = Map.new("maps/split.map", Map._str)
local routes = Map.new("maps/routes.map", Map._beg)
local holds = Map.new("maps/holds.map", Map._str)
local limits = Map.new("maps/hold-limits.map", Map._str)
local mode = Map.new("maps/mode.map", Map._str)
-- Maps that no rule of the present listeners names would be unknown at run time.
for _, name in pairs({ "preview", "releases", "checks", "internal", "redirects", "assets" }) do
  Map.new("maps/" .. name .. ".map", Map._str)
end
Map.new("maps/hosts.map", Map._beg)
local rooms = {}
local next_guest = 0

local function seconds()
  local now = core.now()
  return now.sec + now.usec / 1000000
end

-- A request whose client has gone vanishes in the middle of its wait, so nobody counts it out: who has not been
-- seen for two seconds is not there.
local function room_of(environment)
  local room = rooms[environment]
  local now = seconds()
  if not room then
    room = { count = 0, seen = {}, counted = now }
    rooms[environment] = room
  end
  if now - room.counted > 0.5 then
    room.counted = now
    room.count = 0
    for guest, seen in pairs(room.seen) do
      if now - seen > 2 then room.seen[guest] = nil else room.count = room.count + 1 end
    end
  end
  return room
end

local function fields(text)
  local found = {}
  for part in string.gmatch(text .. "|", "([^|]*)|") do found[#found + 1] = part end
  return found
end

-- The release of the visitor and the one that may stand in for it.
local function releases_of(txn, environment)
  if txn:get_var("txn.pinned") then return txn:get_var("txn.r"), nil, nil end
  -- flags | threshold | base | candidate | salt (which may hold a bar itself)
  local value = split:lookup(environment)
  if not value then return nil end
  local flags, threshold, base, candidate, salt = string.match(value, "^([^|]*)|([^|]*)|([^|]*)|([^|]*)|(.*)$")
  local place = txn:get_var("txn.x")
  local visitor = txn:get_var("txn.v")
  if visitor then place = txn.c:crc32(visitor .. salt) % 10000 end
  if tonumber(place) < tonumber(threshold) then return candidate, base, threshold end
  return base, nil, threshold
end

local function route_of(txn, environment, release)
  local from = environment .. "|" .. release .. "|"
  local path = txn:get_var("txn.p")
  return routes:lookup(from .. (txn:get_var("txn.h") or "") .. "|" .. path) or routes:lookup(from .. "*|" .. path)
end

-- nil: go on; "wait"; or the code of an answer
local function verdict(txn, environment)
  local release, substitute, threshold = releases_of(txn, environment)
  if not release or release == "" then return "NO_INSTANCE" end
  local route = route_of(txn, environment, release)
  if not route then return "ROUTE_NOT_FOUND" end
  local backend, service = string.match(route, "^([^|]*)|([^|]*)")
  local held = holds:lookup(environment .. "|" .. service)
  if held == "maintenance" then return "MAINTENANCE" end
  if held == "wait" then return "wait" end
  if tonumber(txn.c:nbsrv(backend)) == 0 then
    -- The base stands in for a candidate without an instance; the log shows by whose route, so it counts against it.
    local other = substitute and substitute ~= "" and route_of(txn, environment, substitute)
    local other_backend = other and string.match(other, "^([^|]*)|")
    if not other_backend or tonumber(txn.c:nbsrv(other_backend)) == 0 then return "wait" end
    backend = other_backend
    release = substitute
  end
  txn:set_var("txn.r", release)
  if threshold then txn:set_var("txn.t", threshold) end
  txn:set_var("txn.rv", route)
  txn:set_var("txn.be", backend)
  return nil
end

core.register_action("hold", { "http-req" }, function(txn)
  local environment = txn:get_var("txn.e")
  local answer = verdict(txn, environment)
  if answer == nil then return end
  if answer ~= "wait" then txn:set_var("txn.err", answer) return end
  local queue, time = string.match(limits:lookup(environment) or "0|0", "^(%d+)|(%d+)$")
  if tonumber(time) == 0 then txn:set_var("txn.err", "NO_INSTANCE") return end
  local room = room_of(environment)
  if room.count >= tonumber(queue) then txn:set_var("txn.err", "HOLD_QUEUE_FULL") return end
  next_guest = next_guest + 1
  local guest = next_guest
  local started = seconds()
  room.seen[guest] = started
  room.count = room.count + 1
  local passed = 0
  local result = "HOLD_TIMEOUT"
  while passed < tonumber(time) do
    -- The more wait, the slower each one looks: a thousand of them must not eat a core.
    core.msleep(math.floor(math.min(20 + room.count / 10, 150, tonumber(time) - passed + 1)))
    room.seen[guest] = seconds()
    if mode:lookup("mode") == "relay" then result = "RELAY" break end
    answer = verdict(txn, environment)
    if answer == nil then result = nil break end
    if answer ~= "wait" then result = answer break end
    passed = (seconds() - started) * 1000
  end
  room.seen[guest] = nil
  room.count = math.max(0, room.count - 1)
  if result == "RELAY" then
    txn:set_var("txn.be", "relay")
    txn:unset_var("txn.r")
    txn:unset_var("txn.rv")
  elseif result then
    txn:set_var("txn.err", result)
  end
end)

-- What Connection names is for this connection only, and so is what it says of it.
local function remove_hops(headers, remove)
  for _, value in pairs(headers["connection"] or {}) do
    local upgrades = false
    for token in string.gmatch(string.lower(value), "[^%s,]+") do
      if token == "upgrade" then upgrades = true
      elseif token ~= "close" and token ~= "keep-alive" and token ~= "te" then remove(token) end
    end
    if not upgrades then remove("connection") end
  end
end

core.register_action("hop_request", { "http-req" }, function(txn)
  remove_hops(txn.http:req_get_headers(), function(name) txn.http:req_del_header(name) end)
end)

core.register_action("hop_response", { "http-res" }, function(txn)
  remove_hops(txn.http:res_get_headers(), function(name) txn.http:res_del_header(name) end)
end)
`
