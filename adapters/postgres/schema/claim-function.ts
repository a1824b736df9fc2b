import { PLANNER } from "./planner.ts";

/**
 * The function that leases messages. `p_priorities` is the order of the levels, such as `{1}`. Without a message, it
 * returns one row without an id: `due_ms` is the time until the next one, and 0 or less if another receiver is taking one.
 */
export const claimFunction = (schema: string): string => `
CREATE FUNCTION ${schema}.claim(
  p_queue text, p_max int, p_lease_ms float8, p_priorities text, p_keys_first boolean
) RETURNS TABLE (
  id bigint, deliveries int, body text, bytes bytea, attributes text, key text, enqueued_ms float8, lane bigint,
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
    RETURN QUERY SELECT * FROM ${schema}.claim_lanes(q.id, missing, at, until);
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
        WHERE x.queue = q.id AND x.priority = level.priority AND x.lane IS NULL AND x.visible_at <= at
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
    RETURN QUERY SELECT * FROM ${schema}.claim_lanes(q.id, missing, at, until);
    GET DIAGNOSTICS got = ROW_COUNT;
    missing := missing - got;
  END IF;
  IF missing = p_max THEN
    RETURN QUERY SELECT NULL::bigint, NULL::int, NULL::text, NULL::bytea, NULL::text, NULL::text, NULL::float8, NULL::bigint,
      NULL::int, (extract(epoch FROM min(next.at) - clock_timestamp()) * 1000)::float8
    FROM (
      SELECT (
        SELECT m.visible_at FROM ${schema}.message m
        WHERE m.queue = q.id AND m.priority = level.priority AND m.lane IS NULL
        ORDER BY m.visible_at, m.id LIMIT 1
      ) AS at FROM unnest(levels) AS level(priority)
      UNION ALL (SELECT l.ready_at FROM ${schema}.lane l WHERE l.queue = q.id ORDER BY l.ready_at LIMIT 1)
    ) next;
  END IF;
END $$;

-- Two statements: the second one needs a snapshot of its own, to see what was acknowledged until the lanes were locked.
CREATE FUNCTION ${schema}.claim_lanes(p_queue int, p_max int, p_at timestamptz, p_until timestamptz) RETURNS TABLE (
  id bigint, deliveries int, body text, bytes bytea, attributes text, key text, enqueued_ms float8, lane bigint,
  epoch int, due_ms float8
) LANGUAGE plpgsql ${PLANNER} AS $$
#variable_conflict use_column
DECLARE
  lanes bigint[];
  each int;
  got int;
BEGIN
  WITH taken AS MATERIALIZED (
    SELECT l.id FROM ${schema}.lane l WHERE l.queue = p_queue AND l.ready_at <= p_at
    ORDER BY l.ready_at LIMIT p_max FOR UPDATE SKIP LOCKED
  )
  SELECT array_agg(taken.id) INTO lanes FROM taken;
  IF lanes IS NULL THEN
    RETURN;
  END IF;
  -- With few keys, several messages of each. They run one after the other, so more than ten would only wait.
  each := least(10, greatest(1, p_max / cardinality(lanes)));
  RETURN QUERY WITH taken AS MATERIALIZED (
    SELECT ahead.id, ahead.lane
    FROM unnest(lanes) AS own(lane)
    CROSS JOIN LATERAL (
      SELECT first.id, first.lane, bool_and(first.visible_at <= p_at) OVER (ORDER BY first.id) AS is_due
      FROM (SELECT y.id, y.lane, y.visible_at FROM ${schema}.message y WHERE y.lane = own.lane ORDER BY y.id LIMIT each) first
    ) ahead WHERE ahead.is_due
  ), held AS (
    UPDATE ${schema}.lane l SET
      epoch = l.epoch + 1, in_hand = count.n,
      ready_at = CASE WHEN count.n > 0 THEN p_until ELSE coalesce(
        (SELECT y.visible_at FROM ${schema}.message y WHERE y.lane = l.id ORDER BY y.id LIMIT 1), l.ready_at) END
    FROM (
      SELECT own.lane, count(taken.id)::int AS n FROM unnest(lanes) AS own(lane) LEFT JOIN taken ON taken.lane = own.lane
      GROUP BY own.lane
    ) count WHERE l.id = count.lane
    RETURNING l.id, l.epoch
  )
  UPDATE ${schema}.message m SET deliveries = m.deliveries + 1, held = true, hand = held.epoch
  FROM taken JOIN held ON held.id = taken.lane WHERE m.id = taken.id
  RETURNING m.id, m.deliveries, m.body, m.bytes, m.attributes::text, m.key,
    (extract(epoch FROM m.enqueued_at) * 1000)::float8, m.lane, held.epoch, NULL::float8;
  GET DIAGNOSTICS got = ROW_COUNT;
  IF got < cardinality(lanes) THEN
    DELETE FROM ${schema}.lane l WHERE l.id = ANY(lanes)
      AND NOT EXISTS (SELECT 1 FROM ${schema}.message y WHERE y.lane = l.id);
  END IF;
END $$;
`;
