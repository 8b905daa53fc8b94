-- wrk's script: posts the bodies of a file (see bodies.py), and prints one JSON line.
-- Arguments after `--`: file of bodies, content type, first key, file of keys or "-".
--
-- The load generator shares the machine with what it measures: a request is joined from a head, eight digits and a
-- tail that were made before the clock starts. Bodies and keys are taken in turn.

local heads, tails, fixed, keys = {}, {}, {}, nil
local count, counter = 0, 0
local format = string.format

local function read(path, content_type)
  local file = assert(io.open(path, "rb"))
  for line in file:lines() do
    local at, length = line:match("^(%-?%d+) (%d+)$")
    at, length = tonumber(at), tonumber(length)
    local body = file:read(length)
    local head = table.concat({
      "POST " .. wrk.path .. " HTTP/1.1", "Host: " .. wrk.host, "Content-Type: " .. content_type,
      "Content-Length: " .. length, "", ""}, "\r\n")
    if at < 0 then
      heads[count], fixed[count] = head .. body, true
    else
      heads[count], tails[count], fixed[count] = head .. body:sub(1, at), body:sub(at + 9), false
    end
    count = count + 1
  end
  file:close()
end

function init(args)
  read(args[1], args[2])
  counter = tonumber(args[3])
  if args[4] ~= "-" then
    local file = assert(io.open(args[4], "rb"))
    keys = file:read("*a")
    file:close()
  end
end

function request()
  counter = counter + 1
  local key
  if keys then
    local at = counter * 8 % #keys
    key = keys:sub(at + 1, at + 8)
  else
    key = format("%08d", counter % 100000000)
  end
  local which = (keys and tonumber(key) or counter) % count
  if fixed[which] then return heads[which] end
  return heads[which] .. key .. tails[which]
end

function done(summary, latency, requests)
  local e = summary.errors
  io.write(string.format(
    '\nRESULT {"requests": %d, "duration_us": %d, "p50_us": %.1f, "p99_us": %.1f, "errors": %d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    e.connect + e.read + e.write + e.status + e.timeout))
end
