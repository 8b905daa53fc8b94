"""What runs inside Redis, and how it is asked: a group of compare-and-set transactions, and one page of a scan.

One hash holds every value and one sorted set, whose scores are all 0, every key in order. A script runs alone, so a
group is atomic and a page consistent.
"""

from collections.abc import Sequence

from clipper.store.interface import Transaction

VALUES = b"clipper:values"
ORDER = b"clipper:order"

CHANNEL = b"clipper:changes:%d"
"""Of one database: channels, unlike keys, are the same in all of them."""

KEYS = (VALUES, ORDER)

COMMIT = """
local values, order = KEYS[1], KEYS[2]
local outcomes, at, any_held = {}, 3, false
while at <= #ARGV do
  local equal = at + 4
  local absent = equal + 2 * tonumber(ARGV[at])
  local put = absent + tonumber(ARGV[at + 1])
  local delete = put + 2 * tonumber(ARGV[at + 2])
  at = delete + tonumber(ARGV[at + 3])
  local held = true
  for i = equal, absent - 1, 2 do
    if redis.call('HGET', values, ARGV[i]) ~= ARGV[i + 1] then held = false break end
  end
  for i = absent, put - 1 do
    if redis.call('HEXISTS', values, ARGV[i]) == 1 then held = false break end
  end
  if held then
    any_held = true
    for i = put, delete - 1, 2 do
      if redis.call('HSET', values, ARGV[i], ARGV[i + 1]) == 1 then redis.call('ZADD', order, 0, ARGV[i]) end
    end
    for i = delete, at - 1 do
      if redis.call('HDEL', values, ARGV[i]) == 1 then redis.call('ZREM', order, ARGV[i]) end
    end
  end
  outcomes[#outcomes + 1] = held and 1 or 0
end
if any_held then redis.call('PUBLISH', ARGV[1], ARGV[2]) end
return outcomes
"""
"""ARGV: channel, message, and each transaction as four counts and what they count: key and value of what must be equal,
keys that must be absent, key and value to put, keys to delete. Returns 1 or 0 for each transaction."""

PAGE = """
local found = redis.call('ZRANGEBYLEX', KEYS[2], ARGV[1], ARGV[2], 'LIMIT', 0, ARGV[3])
local page, bytes = {}, 0
for _, key in ipairs(found) do
  local value = redis.call('HGET', KEYS[1], key)
  page[#page + 1] = key
  page[#page + 1] = value
  bytes = bytes + #key + #value
  if bytes > tonumber(ARGV[4]) then break end
end
return page
"""
"""ARGV: first and last key as ZRANGEBYLEX has them, the most keys, the bytes after which to stop. Returns keys, each
followed by its value."""


def commit_arguments(group: Sequence[Transaction]) -> list[bytes | int]:
    """Return a group as COMMIT takes it, after channel and message."""
    arguments: list[bytes | int] = []
    for transaction in group:
        equal = [(key, value) for key, value in transaction.expect.items() if value is not None]
        absent = [key for key, value in transaction.expect.items() if value is None]
        arguments += (len(equal), len(absent), len(transaction.put), len(transaction.delete))
        for key, value in equal:
            arguments += (key, value)
        arguments += absent
        for item in transaction.put.items():
            arguments += item
        arguments += transaction.delete
    return arguments


def bounds(prefix: bytes) -> tuple[bytes, bytes]:
    """Return the first and the last key under `prefix` as ZRANGEBYLEX has them."""
    stem = prefix.rstrip(b"\xff")
    beyond = b"(" + stem[:-1] + bytes([stem[-1] + 1]) if stem else b"+"
    return b"[" + prefix if prefix else b"-", beyond
