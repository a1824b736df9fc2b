/**
 * The most messages of one key queue that are leased at a time. They run one after the other, so more would only wait. All
 * leased messages of a key queue are among its first ones.
 */
export const MOST_LEASED = 10;

/** Lua: the first messages of a key queue, as ids. Its members begin with the 16 characters of the key queue and a colon. */
export const FRONT_OF = `local function front_of(key_queue, count)
  local members = redis.call('ZRANGEBYLEX', order, '[' .. key_queue .. ':', '(' .. key_queue .. ';', 'LIMIT', 0, count)
  for i, member in ipairs(members) do members[i] = string.sub(member, #key_queue + 2) end
  return members
end
`;

/**
 * Lua: puts a key queue where it belongs after its messages have changed: blocked until the end of the last lease or until the
 * due time of its first message, ready, or nowhere if it is empty. Returns milliseconds until it can be claimed, or false if
 * it is leased, empty, or known to be ready.
 */
export const PLACE: string = `local function place(key_queue)
  local front = front_of(key_queue, ${MOST_LEASED})
  local lease_end = false
  for _, id in ipairs(front) do
    local score = redis.call('ZSCORE', key_leased, id)
    if score and (not lease_end or tonumber(score) > lease_end) then lease_end = tonumber(score) end
  end
  redis.call('ZREM', key_blocked, key_queue)
  if lease_end then
    redis.call('ZADD', key_blocked, lease_end, key_queue)
    return false
  end
  if #front == 0 then return false end
  local due = tonumber(redis.call('ZSCORE', key_delayed, front[1]) or 0)
  if due > now then
    redis.call('ZADD', key_blocked, due, key_queue)
    return due - now
  end
  if redis.call('RPUSH', key_ready, key_queue) == 1 then return 0 end
  return false
end
`;
