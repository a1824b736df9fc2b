import { defineScript, NOW, type Script } from "../connection/script.ts";

/** The time of the server, which ends each answer. */
const TIME = `${NOW}local function millis() return string.format('%.0f', now) end
`;

const IS_BELOW = `
-- By bytes, as the server orders members. The operator < depends on the locale.
local function isBelow(one, other)
  for index = 1, math.min(#one, #other) do
    local a, b = string.byte(one, index), string.byte(other, index)
    if a ~= b then return a < b end
  end
  return #one < #other
end
`;

/**
 * Reads and writes rows with everything that depends on them. A write is made if the row is still the one that it is based
 * on; if not, its answer is the row, and the caller decides anew.
 *
 * The number of a change is at least a hundred times the time of the server in milliseconds: a replica that takes over
 * without the last changes gives none of their numbers to others, so that no reader misses those.
 *
 * Keys: info, rows, changes, facets, the five hashes of data, then sorted sets and minutes. Values: the channel, the sender,
 * the number of entries, `1` if nothing is written behind an entry that is not; for each: id, tag of its basis (`?` to read, empty if there is none), parts to return, the row (empty
 * to leave it, `-` to delete it), whether it counts as a change, its hints, the number of its steps, the steps.
 *
 * The first step of each row that exists removes something, so that rows can be written while the server is full; only
 * new ones are refused.
 */
export const WRITE_ROWS: Script = defineScript(
  "write rows",
  `${TIME}local INFO, ROWS, CHANGES, FACETS = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local before = tonumber(redis.call('HGET', INFO, 'seq') or '0')
local seq = before
local isOrdered, isHalted = ARGV[4] == '1', false
local at = 4
local function value() at = at + 1; return ARGV[at] end

local function step(id)
  local kind = value()
  if kind == 'remove' then redis.call('ZREM', KEYS[tonumber(value())], id)
  elseif kind == 'add' then redis.call('ZADD', KEYS[tonumber(value())], value(), id)
  elseif kind == 'drop' then redis.call('HDEL', KEYS[tonumber(value())], id)
  elseif kind == 'set' then redis.call('HSET', KEYS[tonumber(value())], id, value())
  elseif kind == 'facet' then redis.call('SADD', FACETS, value())
  else
    local key, field, ms = KEYS[tonumber(value())], value(), value()
    redis.call('HINCRBY', key, 'n' .. field, 1)
    redis.call('HINCRBYFLOAT', key, 'd' .. field, ms)
    redis.call('EXPIRE', key, value())
  end
end

local function skip()
  local kind = value()
  local counts = { remove = 1, add = 2, drop = 1, set = 2, facet = 1, count = 4 }
  at = at + counts[kind]
end

local answers, hints = {}, {}
for entry = 1, tonumber(ARGV[3]) do
  local id, basis, wanted, row = value(), value(), value(), value()
  local isChange, hint, steps = value(), value(), tonumber(value())
  local known = redis.call('HGET', ROWS, id)
  local isMet = false
  if basis == '' then isMet = not known
  elseif known then isMet = string.sub(known, 1, #basis + 1) == basis .. ' ' end
  -- A later change must not come before one that is not made yet.
  if isOrdered and (isHalted or not isMet) then isMet, isHalted = false, true end
  if isMet then
    if row ~= '' and known then redis.call('HDEL', ROWS, id) end
    for _ = 1, steps do step(id) end
    if row ~= '' and row ~= '-' then redis.call('HSET', ROWS, id, row) end
    if isChange == '1' then
      seq = math.max(seq + 1, now * 100)
      redis.call('ZADD', CHANGES, string.format('%.0f', seq), id)
    end
    if hint ~= '' then hints[#hints + 1] = hint end
  else
    for _ = 1, steps do skip() end
  end
  local answer = { isMet and 1 or 0, (not isMet) and known or false }
  for part in string.gmatch(wanted, '%d') do
    answer[#answer + 1] = redis.call('HGET', KEYS[4 + tonumber(part)], id)
  end
  answers[entry] = answer
end

local from, to = string.format('%.0f', before), string.format('%.0f', seq)
if seq ~= before then redis.call('HSET', INFO, 'seq', to) end
if #hints > 0 then
  redis.call('PUBLISH', ARGV[1], ARGV[2] .. ' ' .. from .. ' ' .. to .. ' [' .. table.concat(hints, ',') .. ']')
end
return { millis(), from, to, answers }`,
);

/**
 * Begins a namespace, or finds it. Keys: info. Values: the version, the fingerprint. It begins with a write without an
 * effect, which a replica refuses.
 */
export const OPEN: Script = defineScript(
  "open a namespace",
  `${TIME}redis.call('HDEL', KEYS[1], 'none')
local found = redis.call('HMGET', KEYS[1], 'version', 'fingerprint', 'seq')
if not found[1] then
  redis.call('HSET', KEYS[1], 'version', ARGV[1], 'fingerprint', ARGV[2])
  found = { ARGV[1], ARGV[2], false }
end
return { millis(), found[1], found[2], found[3] or '0' }`,
);

/** The number of the last change. Keys: info. */
export const LAST_CHANGE: Script = defineScript(
  "read the last change",
  `${TIME}return { millis(), redis.call('HGET', KEYS[1], 'seq') or '0' }`,
);

/** The sizes of the set of facets, and of sorted sets. Keys: facets, sorted sets. */
export const SIZES: Script = defineScript(
  "count jobs",
  `${TIME}local sizes = { redis.call('SCARD', KEYS[1]) }
for index = 2, #KEYS do sizes[index] = redis.call('ZCARD', KEYS[index]) end
return { millis(), sizes }`,
);

/**
 * Walks along sorted sets in the order of creation, and by id within a millisecond. The answer has for each the number of
 * its jobs in the range, whether there are more behind those, and their ids, scores and rows.
 *
 * Keys: rows, sorted sets. Values: `oldest` or `newest`, the number of jobs of each, the range of scores, whether there is
 * a place, its score, its id.
 */
export const WALK: Script = defineScript(
  "list jobs",
  `${TIME}local isOldest, limit, low, high = ARGV[1] == 'oldest', tonumber(ARGV[2]), ARGV[3], ARGV[4]
local hasPlace, score, id = ARGV[5] == '1', ARGV[6], ARGV[7]
${IS_BELOW}
-- The number of members before the place, or up to it.
local function countTo(key, including)
  local first = redis.call('ZCOUNT', key, '-inf', '(' .. score)
  local last = first + redis.call('ZCOUNT', key, score, score)
  while first < last do
    local middle = math.floor((first + last) / 2)
    local member = redis.call('ZRANGE', key, middle, middle)[1]
    if isBelow(member, id) or (including and member == id) then first = middle + 1 else last = middle end
  end
  return first
end

local answers = {}
for index = 2, #KEYS do
  local key = KEYS[index]
  local size = redis.call('ZCARD', key)
  local from = low == '-inf' and 0 or redis.call('ZCOUNT', key, '-inf', '(' .. low)
  local to = high == '+inf' and size or redis.call('ZCOUNT', key, '-inf', '(' .. high)
  local count = math.max(0, to - from)
  if hasPlace and isOldest then from = math.max(from, countTo(key, true))
  elseif hasPlace then to = math.min(to, countTo(key, false)) end
  local left = to - from
  if isOldest then to = math.min(to, from + limit) else from = math.max(from, to - limit) end
  local found = {}
  if to > from then found = redis.call('ZRANGE', key, from, to - 1, 'WITHSCORES') end
  local ids = {}
  for at = 1, #found, 2 do ids[#ids + 1] = found[at] end
  local rows = {}
  if #ids > 0 then rows = redis.call('HMGET', KEYS[1], unpack(ids)) end
  answers[index - 1] = { count, left > #ids and 1 or 0, found, rows }
end
return { millis(), answers }`,
);

/**
 * Finds jobs that are due, and moves them on in their sets, so that no other process finds them before this one has taken
 * them. Their rows stay as they are. Keys: facets, then for each queue its set of queued jobs, and that of the others.
 * Values: the time, the number of jobs, the time up to which they are moved, the time from which a queued job is ahead.
 */
export const RESERVE_DUE: Script = defineScript(
  "find due jobs",
  `${TIME}local time, limit, moved, ahead = ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[4]
local due = {}
local function find(index, from, to)
  local found = redis.call('ZRANGEBYSCORE', KEYS[index], from, to, 'WITHSCORES', 'LIMIT', 0, limit)
  for at = 1, #found, 2 do due[#due + 1] = { index, found[at], tonumber(found[at + 1]), #due } end
end
for index = 2, #KEYS do
  find(index, '-inf', time)
  if index % 2 == 0 then find(index, '(' .. ahead, '+inf') end
end
table.sort(due, function(one, other)
  if one[3] ~= other[3] then return one[3] < other[3] end
  return one[4] < other[4]
end)
local ids = {}
for at = 1, math.min(limit, #due) do
  local index, id = due[at][1], due[at][2]
  ids[at] = id
  -- Removed first, so that it is done on a server that is full.
  redis.call('ZREM', KEYS[index], id)
  redis.call('ZADD', KEYS[index], moved, id)
end
return { millis(), redis.call('SCARD', KEYS[1]), ids }`,
);

/** The first time in sorted sets. Keys: facets, sorted sets. */
export const FIRST_DUE: Script = defineScript(
  "read the next due time",
  `${TIME}local first = false
for index = 2, #KEYS do
  local found = redis.call('ZRANGE', KEYS[index], 0, 0, 'WITHSCORES')
  local score = tonumber(found[2])
  if score and (not first or score < first) then first = score end
end
return { millis(), redis.call('SCARD', KEYS[1]), first and string.format('%.0f', first) }`,
);

/** Jobs by their last change. Keys: info, rows, changes. Values: the number after which they begin, the number of jobs. */
export const CHANGED: Script = defineScript(
  "read changes",
  `${TIME}local found = redis.call('ZRANGEBYSCORE', KEYS[3], '(' .. ARGV[1], '+inf', 'WITHSCORES', 'LIMIT', 0, tonumber(ARGV[2]))
local ids = {}
for at = 1, #found, 2 do ids[#ids + 1] = found[at] end
local rows = {}
if #ids > 0 then rows = redis.call('HMGET', KEYS[2], unpack(ids)) end
return { millis(), redis.call('HGET', KEYS[1], 'seq') or '0', found, rows }`,
);

/** The fields of hashes. Keys: the hashes. */
export const ALL_FIELDS: Script = defineScript(
  "read hashes",
  `${TIME}local all = {}
for index = 1, #KEYS do all[index] = redis.call('HGETALL', KEYS[index]) end
return { millis(), all }`,
);

/** Writes the row of a worker, and removes those of workers that are gone. Keys: workers. Values: id, row, oldest time. */
export const BEAT: Script = defineScript(
  "report a worker",
  `${TIME}local workers = redis.call('HGETALL', KEYS[1])
for at = 1, #workers, 2 do
  local seen = tonumber(string.match(workers[at + 1], '^%d+'))
  if workers[at] == ARGV[1] or (seen and seen < tonumber(ARGV[3])) then redis.call('HDEL', KEYS[1], workers[at]) end
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
return { millis() }`,
);

/**
 * The oldest finished jobs. Keys: rows, the four shelves. Values: for each shelf the end before which they ended and the
 * number of jobs. The answer has the sizes of the shelves, and ids, ends and rows of each.
 */
export const OLDEST: Script = defineScript(
  "find old jobs",
  `${TIME}local sizes, shelves = {}, {}
for index = 2, #KEYS do
  local before, limit = ARGV[2 * index - 3], tonumber(ARGV[2 * index - 2])
  sizes[index - 1] = redis.call('ZCARD', KEYS[index])
  local found = {}
  if limit > 0 then
    found = redis.call('ZRANGEBYSCORE', KEYS[index], '-inf', '(' .. before, 'WITHSCORES', 'LIMIT', 0, limit)
  end
  local ids = {}
  for at = 1, #found, 2 do ids[#ids + 1] = found[at] end
  local rows = {}
  if #ids > 0 then rows = redis.call('HMGET', KEYS[1], unpack(ids)) end
  shelves[index - 1] = { found, rows }
end
return { millis(), sizes, shelves }`,
);

/**
 * The last of the oldest finished jobs: its end, which is found by halves, and its id. Keys: the shelves. Values: their
 * number, of which there are as many.
 */
export const LAST_OF_OLDEST: Script = defineScript(
  "find the last old job",
  `${TIME}local wanted = tonumber(ARGV[1])
${IS_BELOW}
local function upTo(score)
  local count = 0
  for index = 1, #KEYS do count = count + redis.call('ZCOUNT', KEYS[index], '-inf', string.format('%.0f', score)) end
  return count
end
local low, high = 0, 2 ^ 53
while low < high do
  local middle = math.floor((low + high) / 2)
  if upTo(middle) >= wanted then high = middle else low = middle + 1 end
end
local score = string.format('%.0f', low)
local ids = {}
for index = 1, #KEYS do
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[index], score, score)) do ids[#ids + 1] = id end
end
table.sort(ids, isBelow)
return { millis(), score, ids[wanted - upTo(low - 1)] }`,
);
