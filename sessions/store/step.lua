-- One atomic step: check every guard, then do every write, once per request id.
--
-- KEYS[1]      the request mark; the other keys are named by their index in guards and writes
-- ARGV[1]      how long the mark is kept, in milliseconds
-- ARGV[2]      number of guards; each is: kind, key index, two arguments
-- then         number of writes; each is: command, key index (0 = no key), number of arguments, arguments
--
-- Answers 0 when the step was done (now or earlier under the same id), else the number of the first guard that failed.
if redis.call('EXISTS', KEYS[1]) == 1 then
  return 0
end
local at = 2
local guards = tonumber(ARGV[at])
at = at + 1
for number = 1, guards do
  local kind, key, a, b = ARGV[at], KEYS[tonumber(ARGV[at + 1])], ARGV[at + 2], ARGV[at + 3]
  at = at + 4
  local holds
  if kind == 'absent' then
    holds = redis.call('EXISTS', key) == 0
  elseif kind == 'field' then
    holds = (redis.call('HGET', key, a) or '') == b
  elseif kind == 'score' then
    holds = tonumber(redis.call('ZSCORE', key, a) or 'nan') == tonumber(b)
  end
  if not holds then
    return number
  end
end
local writes = tonumber(ARGV[at])
at = at + 1
for _ = 1, writes do
  local command, index, count = ARGV[at], tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2])
  local call = { command }
  if index > 0 then
    call[2] = KEYS[index]
  end
  for offset = 1, count do
    call[#call + 1] = ARGV[at + 2 + offset]
  end
  at = at + 3 + count
  redis.call(unpack(call))
end
redis.call('SET', KEYS[1], '1', 'PX', ARGV[1])
return 0
