-- One atomic step: check every guard, then do every write, once per request id.
--
-- KEYS[1]      the request mark; the other keys are those that guards and writes name
-- ARGV[1]      how long the mark is kept, in milliseconds
-- ARGV[2]      MessagePack: the guards, each {kind, key, name, value}; the writes, each a command and what goes with it.
--              A number in it is the place of an argument that is passed beside it.
--
-- Answers 0 when the step was done (now or earlier under the same id), else the number of the first guard that failed.
if redis.call('EXISTS', KEYS[1]) == 1 then
  return 0
end
local function whole(parts)
  for place, part in ipairs(parts) do
    if type(part) == 'number' then
      parts[place] = ARGV[part]
    end
  end
  return unpack(parts)
end
local guards, writes = unpack(cmsgpack.unpack(ARGV[2]))
for number, guard in ipairs(guards) do
  local kind, key, name, value = whole(guard)
  local holds
  if kind == 'absent' then
    holds = redis.call('EXISTS', key) == 0
  elseif kind == 'field' then
    holds = (redis.call('HGET', key, name) or '') == value
  elseif kind == 'score' then
    holds = tonumber(redis.call('ZSCORE', key, name) or 'nan') == tonumber(value)
  end
  if not holds then
    return number
  end
end
for _, write in ipairs(writes) do
  redis.call(whole(write))
end
redis.call('SET', KEYS[1], '1', 'PX', ARGV[1])
return 0
