#!lua flags=allow-oom
-- Take work that is due: entries with a score up to now get the end of the lease as their score.
-- A worker that dies, or never hears this answer, loses its lease, and the entry is due again.
--
-- KEYS[1] queue (sorted set); ARGV[1] now, ARGV[2] end of the lease, ARGV[3] how many at most
-- Answers each entry followed by the score it had: of one that another worker lost, the end of that lease.
local due = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1], 'WITHSCORES', 'LIMIT', 0, ARGV[3])
for number = 1, #due, 2 do
  redis.call('ZADD', KEYS[1], 'XX', ARGV[2], due[number])
end
return due
