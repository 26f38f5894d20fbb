#!lua flags=allow-oom
-- Take work that is due: entries with a score up to now get the end of the lease as their score.
-- A worker that dies, or never hears this answer, loses its lease, and the entry is due again.
--
-- KEYS[1] queue (sorted set); ARGV[1] now, ARGV[2] end of the lease, ARGV[3] how many at most
local due = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1], 'LIMIT', 0, ARGV[3])
for _, entry in ipairs(due) do
  redis.call('ZADD', KEYS[1], 'XX', ARGV[2], entry)
end
return due
