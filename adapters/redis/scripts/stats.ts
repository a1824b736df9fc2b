import { defineScript, NOW, type Script } from "../connection/script.ts";
import { KEYS_AS_LOCALS } from "../keys.ts";

/** Counts the messages of a queue, exactly. Returns ready, in flight, delayed. Changes nothing. */
export const statsScript: Script = defineScript(
  "stats",
  `${NOW}${KEYS_AS_LOCALS}
local later = '(' .. string.format('%.0f', now)
local function split(set)
  local waiting = redis.call('ZCOUNT', set, later, '+inf')
  return waiting, redis.call('ZCARD', set) - waiting
end
local in_flight, ended = split(leased)
local waiting, due = split(delayed)
local keyed_in_flight = redis.call('ZCOUNT', key_leased, later, '+inf')
local keyed_waiting = redis.call('ZCOUNT', key_delayed, later, '+inf')
local keyed_ready = redis.call('ZCARD', order) - keyed_in_flight - keyed_waiting
return {
  redis.call('LLEN', ready) + ended + due + keyed_ready,
  in_flight + keyed_in_flight,
  waiting + keyed_waiting
}`,
);
