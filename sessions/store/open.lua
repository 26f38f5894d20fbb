#!lua flags=allow-oom
-- A phone's request opens its session: its proof is used up, the session is marked as seen, and its record is read.
--
-- KEYS[1] session, KEYS[2] mark of the proof; ARGV[1] now (seconds), ARGV[2] how long the mark is kept (milliseconds),
-- ARGV[3] id of this request: sent again after a lost reply, it is not taken for another use of the proof
-- ARGV[4] after how many idle seconds an attempt is over: such a request does not bring it back, ARGV[5] HMAC of the
-- caller's token: one that no phone of this session has marks nothing; empty where a phone has no token yet
-- Answers {fresh, version, record, seen}: fresh is 0 when the proof was used before (then nothing is marked); seen is
-- this moment, or the last one where the attempt is over.
local fields = redis.call('HMGET', KEYS[1], 'v', 'd', 'seen', 't')
if not fields[1] then
  return { 1, false, false, false }
end
local known = ARGV[5] ~= '' and string.find(fields[4] or '', ARGV[5], 1, true)
if ARGV[5] ~= '' and not known then
  return { 1, fields[1], fields[2], fields[3] }
end
if not redis.call('SET', KEYS[2], ARGV[3], 'NX', 'PX', ARGV[2]) and redis.call('GET', KEYS[2]) ~= ARGV[3] then
  return { 0, false, false, false }
end
if not known or fields[3] and tonumber(ARGV[1]) - tonumber(fields[3]) >= tonumber(ARGV[4]) then
  return { 1, fields[1], fields[2], fields[3] }
end
redis.call('HSET', KEYS[1], 'seen', ARGV[1])
return { 1, fields[1], fields[2], ARGV[1] }
