import { defineScript, NOW, type Script } from "../connection/script.ts";
import { KEYS_AS_LOCALS } from "../keys.ts";

/**
 * Writes the messages of one send, all or none: a full server refuses the first write. Returns their ids; that of a message
 * which was absorbed is the id of the message that absorbed it.
 *
 * ARGV: channel, the window of a new queue in ms, then for each message: packed, delay in ms, dedup id or "", key queue or ""
 */
export const sendScript: Script = defineScript(
  "send",
  `${NOW}${KEYS_AS_LOCALS}
local channel, new_window = ARGV[1], ARGV[2]
local count = (#ARGV - 2) / 4

-- First, since it adds: a full server must refuse everything, and not the rest.
if redis.call('EXISTS', counter) == 0 then
  redis.call('SET', counter, string.format('%.0f', now * 1000))
end
local last = redis.call('INCRBY', counter, count)
local ordered, window = unpack(redis.call('HMGET', info, 'ordered', 'dedup'))
if not ordered then
  redis.call('HSET', info, 'ordered', '0', 'dedup', new_window)
  ordered, window = '0', new_window
end
window = tonumber(window)

if window > 0 then
  local over = redis.call('ZRANGEBYSCORE', seen, '-inf', now, 'LIMIT', 0, 200)
  if #over > 0 then
    redis.call('ZREM', seen, unpack(over))
    redis.call('HDEL', seen_ids, unpack(over))
  end
end

-- Milliseconds until the first message is due of which nobody may know; false if all waiting receivers know.
local wake = false
local function wake_in(ms)
  if not wake or ms < wake then wake = ms end
end

local ids, bodies, plain = {}, {}, {}
for i = 1, count do
  local at = 4 * i - 1
  local packed, delay, dedup_id, key_queue = ARGV[at], tonumber(ARGV[at + 1]), ARGV[at + 2], ARGV[at + 3]
  local id = string.format('%.0f', last - count + i)
  local absorbed = false
  if window > 0 and dedup_id ~= '' then
    local seen_until = redis.call('ZSCORE', seen, dedup_id)
    if seen_until and tonumber(seen_until) > now then
      absorbed = true
      id = redis.call('HGET', seen_ids, dedup_id)
    else
      redis.call('ZADD', seen, now + window, dedup_id)
      redis.call('HSET', seen_ids, dedup_id, id)
    end
  end
  ids[i] = id
  if not absorbed then
    bodies[#bodies + 1] = id
    bodies[#bodies + 1] = now .. packed
    if key_queue ~= '' and ordered == '1' then
      local first = redis.call('ZRANGEBYLEX', order, '[' .. key_queue .. ':', '(' .. key_queue .. ';', 'LIMIT', 0, 1)[1]
      redis.call('ZADD', order, 0, key_queue .. ':' .. id)
      if delay > 0 then redis.call('ZADD', key_delayed, now + delay, id) end
      -- The key queue of an earlier message is ready or blocked already.
      if not first then
        if delay > 0 then
          redis.call('ZADD', key_blocked, now + delay, key_queue)
          wake_in(delay)
        elseif redis.call('RPUSH', key_ready, key_queue) == 1 then
          wake_in(0)
        end
      end
    elseif delay > 0 then
      redis.call('ZADD', delayed, now + delay, id)
      if redis.call('ZRANGE', delayed, 0, 0)[1] == id then wake_in(delay) end
    else
      plain[#plain + 1] = id
    end
  end
end

if #bodies > 0 then redis.call('HSET', messages, unpack(bodies)) end
if #plain > 0 and redis.call('RPUSH', ready, unpack(plain)) == #plain then wake_in(0) end
if wake then redis.call('PUBLISH', channel, wake) end
return ids`,
);
