import { defineScript, NOW, type Script } from "../connection/script.ts";
import { KEYS_AS_LOCALS } from "../keys.ts";
import { FRONT_OF, PLACE } from "./key-queues.ts";

/**
 * Removes a delayed message that was never delivered. Returns 1 if it was removed, else 0.
 *
 * ARGV: channel, id, key queue or ""
 */
export const cancelScript: Script = defineScript(
  "cancel",
  `${NOW}${KEYS_AS_LOCALS}${FRONT_OF}${PLACE}
local channel, id, key_queue = ARGV[1], ARGV[2], ARGV[3]
local set = key_queue == '' and delayed or key_delayed
local due = redis.call('ZSCORE', set, id)
if not due or tonumber(due) <= now or redis.call('HEXISTS', deliveries, id) == 1 then return 0 end
redis.call('ZREM', set, id)
redis.call('HDEL', messages, id)
if key_queue ~= '' then
  local was_first = front_of(key_queue, 1)[1] == id
  redis.call('ZREM', order, key_queue .. ':' .. id)
  -- The next message of the key need not wait any more.
  local wake = was_first and place(key_queue)
  if wake then redis.call('PUBLISH', channel, math.ceil(wake)) end
end
return 1`,
);
