import { defineScript, NOW, type Script } from "../connection/script.ts";
import { KEYS_AS_LOCALS } from "../keys.ts";
import { FRONT_OF, PLACE } from "./key-queues.ts";

/**
 * Settles deliveries. An operation is carried out only if the message is leased and still has the delivery count that it was
 * handed out with. Returns one letter for each: `d` done, `g` the message is gone, `l` the lease is lost. Begins with commands
 * that only remove, so that a full server runs it.
 *
 * ARGV: channel, then for each operation: id, deliveries, kind (`a` ack, `e` extend, `r` release), ms, key queue or ""
 */
export const settleScript: Script = defineScript(
  "settle",
  `${NOW}${KEYS_AS_LOCALS}${FRONT_OF}${PLACE}
local channel, wake = ARGV[1], false
local function wake_in(ms)
  if ms and (not wake or ms < wake) then wake = ms end
end

local outcomes, acked, is_acked, touched = {}, {}, {}, {}
for i = 2, #ARGV, 5 do
  local id, count, kind, ms, key_queue = ARGV[i], ARGV[i + 1], ARGV[i + 2], tonumber(ARGV[i + 3]), ARGV[i + 4]
  local is_keyed = key_queue ~= ''
  local leases = is_keyed and key_leased or leased
  local outcome = 'd'
  if is_acked[id] or redis.call('HEXISTS', messages, id) == 0 then
    outcome = 'g'
  elseif redis.call('HGET', deliveries, id) ~= count or redis.call('ZREM', leases, id) == 0 then
    outcome = 'l'
  else
    if is_keyed then touched[key_queue] = true end
    if kind == 'a' then
      if is_keyed then redis.call('ZREM', order, key_queue .. ':' .. id) end
      acked[#acked + 1] = id
      is_acked[id] = true
    elseif kind == 'e' then
      redis.call('ZADD', leases, now + ms, id)
    elseif is_keyed then
      if ms > 0 then redis.call('ZADD', key_delayed, now + ms, id) end
    elseif ms > 0 then
      redis.call('ZADD', delayed, now + ms, id)
      if redis.call('ZRANGE', delayed, 0, 0)[1] == id then wake_in(ms) end
    elseif redis.call('LPUSH', ready, id) == 1 then
      wake_in(0)
    end
  end
  outcomes[#outcomes + 1] = outcome
end

if #acked > 0 then
  redis.call('HDEL', messages, unpack(acked))
  redis.call('HDEL', deliveries, unpack(acked))
end
for key_queue in pairs(touched) do wake_in(place(key_queue)) end
if wake then redis.call('PUBLISH', channel, math.ceil(wake)) end
return table.concat(outcomes)`,
);
