import { defineScript, NOW, type Script } from "../connection/script.ts";
import { KEYS_AS_LOCALS } from "../keys.ts";
import { FRONT_OF, MOST_LEASED } from "./key-queues.ts";

/** The most messages, and key queues, that one claim moves to the ready ones: the server does nothing else meanwhile. */
const MOST_MOVED = 200;

/**
 * Leases messages. Returns milliseconds until a further claim may find one, -1 if there is none; then for each leased
 * message: id, deliveries, packed, key queue or "". Begins with commands that only remove, so that a full server runs it.
 *
 * ARGV: channel, max, lease in ms, whether key queues come first ("1" or "0")
 */
export const claimScript: Script = defineScript(
  "claim",
  `${NOW}${KEYS_AS_LOCALS}${FRONT_OF}
local channel, max, lease_end, keys_first = ARGV[1], tonumber(ARGV[2]), now + tonumber(ARGV[3]), ARGV[4] == '1'
local moved = 0

local function due_of(set)
  local due = redis.call('ZRANGEBYSCORE', set, '-inf', now, 'LIMIT', 0, ${MOST_MOVED})
  if #due > 0 then
    redis.call('ZREM', set, unpack(due))
    moved = moved + #due
  end
  return due
end

-- Leases that have ended: their messages waited longer than all others.
local ended = due_of(leased)
for i = #ended, 1, -1 do redis.call('LPUSH', ready, ended[i]) end
local due = due_of(delayed)
if #due > 0 then redis.call('RPUSH', ready, unpack(due)) end
local free = due_of(key_blocked)
for _, key_queue in ipairs(free) do
  local front = front_of(key_queue, ${MOST_LEASED})
  if #front > 0 then redis.call('ZREM', key_leased, unpack(front)) end
end
if #free > 0 then redis.call('RPUSH', key_ready, unpack(free)) end

local claimed = {-1}
local function add(id, key_queue, packed)
  claimed[#claimed + 1] = id
  claimed[#claimed + 1] = redis.call('HINCRBY', deliveries, id, 1)
  claimed[#claimed + 1] = packed
  claimed[#claimed + 1] = key_queue
end

local function claim_plain()
  if max == 0 then return end
  local ids = redis.call('LPOP', ready, max) or {}
  if #ids == 0 then return end
  local packed = redis.call('HMGET', messages, unpack(ids))
  local leases = {}
  for i, id in ipairs(ids) do
    -- A server that evicts keys may have dropped the message.
    if packed[i] then
      add(id, '', packed[i])
      leases[#leases + 1] = lease_end
      leases[#leases + 1] = id
    end
  end
  if #leases > 0 then redis.call('ZADD', leased, unpack(leases)) end
  max = max - #ids
end

local function claim_keys()
  if max == 0 then return end
  local key_queues = redis.call('LPOP', key_ready, max) or {}
  if #key_queues == 0 then return end
  -- With few keys, several messages of each.
  local each = math.max(1, math.min(${MOST_LEASED}, math.floor(max / #key_queues)))
  for _, key_queue in ipairs(key_queues) do
    local blocked_until = false
    for _, id in ipairs(front_of(key_queue, each)) do
      local due_at = tonumber(redis.call('ZSCORE', key_delayed, id) or 0)
      if due_at > now then
        if not blocked_until then blocked_until = due_at end
        break
      end
      redis.call('ZREM', key_delayed, id)
      local packed = redis.call('HGET', messages, id)
      if packed then
        add(id, key_queue, packed)
        redis.call('ZADD', key_leased, lease_end, id)
        blocked_until = lease_end
        max = max - 1
      else
        redis.call('ZREM', order, key_queue .. ':' .. id)
      end
    end
    if blocked_until then redis.call('ZADD', key_blocked, blocked_until, key_queue) end
  end
end

if keys_first then claim_keys() claim_plain() else claim_plain() claim_keys() end

if #claimed == 1 then
  for _, set in ipairs({delayed, leased, key_blocked}) do
    local at = redis.call('ZRANGE', set, 0, 0, 'WITHSCORES')[2]
    if at and (claimed[1] == -1 or at - now < claimed[1]) then claimed[1] = math.max(0, math.ceil(at - now)) end
  end
elseif moved > 0 and (redis.call('EXISTS', ready) == 1 or redis.call('EXISTS', key_ready) == 1) then
  -- More became ready than this claim took, and nobody else was told.
  redis.call('PUBLISH', channel, 0)
end
return claimed`,
);
