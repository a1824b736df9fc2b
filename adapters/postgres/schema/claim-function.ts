import { PLANNER } from "./planner.ts";

/**
 * The function that leases messages. `p_priorities` is the order of the levels, such as `{1}`. Without a message, it
 * returns one row without an id: `due_ms` is the time until the next one, and 0 or less if another receiver is taking one.
 */
export const claimFunction = (schema: string): string => `
CREATE FUNCTION ${schema}.claim(
  p_queue text, p_max int, p_lease_ms float8, p_priorities text, p_keys_first boolean
) RETURNS TABLE (
  id bigint, deliveries int, body text, bytes bytea, attributes text, key text, enqueued_ms float8, key_queue bigint,
  epoch int, due_ms float8
) LANGUAGE plpgsql ${PLANNER} AS $$
#variable_conflict use_column
DECLARE
  q ${schema}.queue;
  at timestamptz := clock_timestamp();
  until timestamptz := at + p_lease_ms * interval '1 millisecond';
  levels smallint[] := p_priorities::smallint[];
  missing int := p_max;
  got int;
BEGIN
  SELECT * INTO q FROM ${schema}.queue WHERE name = p_queue;
  IF NOT FOUND THEN
    RETURN;
  END IF;
  IF q.ordered AND p_keys_first THEN
    RETURN QUERY SELECT * FROM ${schema}.claim_keys(q.id, missing, at, until);
    GET DIAGNOSTICS got = ROW_COUNT;
    missing := missing - got;
  END IF;
  IF missing > 0 THEN
    -- MATERIALIZED, since a subselect that is run again would lease more than the limit.
    RETURN QUERY WITH taken AS MATERIALIZED (
      SELECT found.id
      FROM unnest(levels) WITH ORDINALITY AS level(priority, place)
      CROSS JOIN LATERAL (
        SELECT x.id FROM ${schema}.message x
        WHERE x.queue = q.id AND x.priority = level.priority AND x.key_queue IS NULL AND x.visible_at <= at
        ORDER BY x.visible_at, x.id LIMIT missing FOR UPDATE SKIP LOCKED
      ) found LIMIT missing
    )
    UPDATE ${schema}.message m SET visible_at = until, held = true, deliveries = m.deliveries + 1
    FROM taken WHERE m.id = taken.id
    RETURNING m.id, m.deliveries, m.body, m.bytes, m.attributes::text, m.key,
      (extract(epoch FROM m.enqueued_at) * 1000)::float8, NULL::bigint, NULL::int, NULL::float8;
    GET DIAGNOSTICS got = ROW_COUNT;
    missing := missing - got;
  END IF;
  IF missing > 0 AND q.ordered AND NOT p_keys_first THEN
    RETURN QUERY SELECT * FROM ${schema}.claim_keys(q.id, missing, at, until);
    GET DIAGNOSTICS got = ROW_COUNT;
    missing := missing - got;
  END IF;
  IF missing = p_max THEN
    RETURN QUERY SELECT NULL::bigint, NULL::int, NULL::text, NULL::bytea, NULL::text, NULL::text, NULL::float8, NULL::bigint,
      NULL::int, (extract(epoch FROM min(next.at) - clock_timestamp()) * 1000)::float8
    FROM (
      SELECT (
        SELECT m.visible_at FROM ${schema}.message m
        WHERE m.queue = q.id AND m.priority = level.priority AND m.key_queue IS NULL
        ORDER BY m.visible_at, m.id LIMIT 1
      ) AS at FROM unnest(levels) AS level(priority)
      UNION ALL (SELECT k.ready_at FROM ${schema}.key_queue k WHERE k.queue = q.id ORDER BY k.ready_at LIMIT 1)
    ) next;
  END IF;
END $$;

-- Two statements: the second one needs a snapshot of its own, to see what was acknowledged until the key queues were locked.
CREATE FUNCTION ${schema}.claim_keys(p_queue int, p_max int, p_at timestamptz, p_until timestamptz) RETURNS TABLE (
  id bigint, deliveries int, body text, bytes bytea, attributes text, key text, enqueued_ms float8, key_queue bigint,
  epoch int, due_ms float8
) LANGUAGE plpgsql ${PLANNER} AS $$
#variable_conflict use_column
DECLARE
  key_queues bigint[];
  each int;
  got int;
BEGIN
  WITH taken AS MATERIALIZED (
    SELECT k.id FROM ${schema}.key_queue k WHERE k.queue = p_queue AND k.ready_at <= p_at
    ORDER BY k.ready_at LIMIT p_max FOR UPDATE SKIP LOCKED
  )
  SELECT array_agg(taken.id) INTO key_queues FROM taken;
  IF key_queues IS NULL THEN
    RETURN;
  END IF;
  -- With few keys, several messages of each. They run one after the other, so more than ten would only wait.
  each := least(10, greatest(1, p_max / cardinality(key_queues)));
  RETURN QUERY WITH taken AS MATERIALIZED (
    SELECT ahead.id, ahead.key_queue
    FROM unnest(key_queues) AS own(key_queue)
    CROSS JOIN LATERAL (
      SELECT first.id, first.key_queue, bool_and(first.visible_at <= p_at) OVER (ORDER BY first.id) AS is_due
      FROM (SELECT y.id, y.key_queue, y.visible_at FROM ${schema}.message y WHERE y.key_queue = own.key_queue ORDER BY y.id LIMIT each) first
    ) ahead WHERE ahead.is_due
  ), held AS (
    UPDATE ${schema}.key_queue k SET
      epoch = k.epoch + 1, leased = count.n,
      ready_at = CASE WHEN count.n > 0 THEN p_until ELSE coalesce(
        (SELECT y.visible_at FROM ${schema}.message y WHERE y.key_queue = k.id ORDER BY y.id LIMIT 1), k.ready_at) END
    FROM (
      SELECT own.key_queue, count(taken.id)::int AS n FROM unnest(key_queues) AS own(key_queue) LEFT JOIN taken ON taken.key_queue = own.key_queue
      GROUP BY own.key_queue
    ) count WHERE k.id = count.key_queue
    RETURNING k.id, k.epoch
  )
  UPDATE ${schema}.message m SET deliveries = m.deliveries + 1, held = true, epoch = held.epoch
  FROM taken JOIN held ON held.id = taken.key_queue WHERE m.id = taken.id
  RETURNING m.id, m.deliveries, m.body, m.bytes, m.attributes::text, m.key,
    (extract(epoch FROM m.enqueued_at) * 1000)::float8, m.key_queue, held.epoch, NULL::float8;
  GET DIAGNOSTICS got = ROW_COUNT;
  IF got < cardinality(key_queues) THEN
    DELETE FROM ${schema}.key_queue k WHERE k.id = ANY(key_queues)
      AND NOT EXISTS (SELECT 1 FROM ${schema}.message y WHERE y.key_queue = k.id);
  END IF;
END $$;
`;
