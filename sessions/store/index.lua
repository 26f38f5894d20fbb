-- Put a session in its provider's list, under its present state. The newest version wins: effects may come in any order.
--
-- KEYS[1] entries (hash: session id -> version|state|created|reference), KEYS[2] all, KEYS[3] under its reference,
-- KEYS[4..] one per state; ARGV[1] session id, ARGV[2] version, ARGV[3] entry ('' = forget it), ARGV[4] created (score),
-- ARGV[5] number of the state's key, ARGV[6] '1' when it has a reference
local known = redis.call('HGET', KEYS[1], ARGV[1])
if known and tonumber(string.match(known, '^(%d+)|')) >= tonumber(ARGV[2]) then
  return 0
end
for number = 2, #KEYS do
  redis.call('ZREM', KEYS[number], ARGV[1])
end
if ARGV[3] == '' then
  redis.call('HDEL', KEYS[1], ARGV[1])
  return 1
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
redis.call('ZADD', KEYS[2], ARGV[4], ARGV[1])
redis.call('ZADD', KEYS[tonumber(ARGV[5])], ARGV[4], ARGV[1])
if ARGV[6] == '1' then
  redis.call('ZADD', KEYS[3], ARGV[4], ARGV[1])
end
return 1
