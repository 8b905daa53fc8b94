-- wrk's script: posts eight doubles, all different in every request or always the same, and prints one JSON line.
-- Arguments after `--`: prefix suffix inputs seed.
--
-- The load generator shares the machine with what it measures, so a request must cost it almost nothing: a body is
-- joined from a constant head, a counter (which makes it different from every other one) and one of 16,384 tails of
-- seven random doubles made before the clock starts. The tails also keep LuaJIT fast: it hashes only a few characters of a
-- long string, and strings that differ in a counter alone would all fall into one bucket.

local POOL = 16384 -- a power of two
local band = bit.band
local head, tails, counter

local function double()
  return string.format("%.16f", math.random())
end

function init(args)
  local prefix, suffix, inputs, seed = args[1], args[2], args[3], tonumber(args[4])
  math.randomseed(seed)
  counter = 100000000
  tails = {}
  for i = 0, POOL - 1 do
    local row = {}
    for j = 1, 7 do row[j] = double() end
    tails[i] = ", " .. table.concat(row, ", ") .. suffix
  end
  local first = prefix .. string.format("0.%06d", seed % 1000000)
  local length = #first + #tostring(counter) + #tails[0]
  head = table.concat({
    "POST " .. wrk.path .. " HTTP/1.1", "Host: " .. wrk.host, "Content-Type: application/json",
    "Content-Length: " .. length, "", first}, "\r\n")
  if inputs == "same" then
    local fixed = head .. counter .. tails[0]
    request = function() return fixed end
  end
end

function request()
  counter = counter + 1
  return head .. counter .. tails[band(counter, POOL - 1)]
end

function done(summary, latency, requests)
  local e = summary.errors
  io.write(string.format(
    '\nRESULT {"requests": %d, "duration_us": %d, "p50_us": %.1f, "p99_us": %.1f, "errors": %d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    e.connect + e.read + e.write + e.status + e.timeout))
end
