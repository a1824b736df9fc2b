import { PLANNER } from "./planner.ts";

/**
 * The functions that settle: `a` acknowledges, `e` extends the lease by `ms`, `r` releases for `ms`. Each row is changed only
 * if it still has the delivery count, or the epoch, that it was handed out with. They return '' if every operation was
 * carried out, else one letter for each: `d` done, `l` the lease is lost, `g` the message is gone, `b` its key queue is busy.
 */
export const settleFunctions = (schema: string): string => `
CREATE FUNCTION ${schema}.settle(p_ids text, p_counts text, p_kinds text, p_ms text, p_is_async boolean) RETURNS text
LANGUAGE plpgsql ${PLANNER} AS $$
DECLARE
  ids bigint[] := p_ids::bigint[];
  counts int[] := p_counts::int[];
  kinds "char"[] := p_kinds::"char"[];
  ms float8[] := p_ms::float8[];
  at timestamptz := clock_timestamp();
  changed bigint[] := '{}';
  acked bigint[] := '{}';
BEGIN
  IF p_is_async THEN
    PERFORM set_config('synchronous_commit', 'off', true);
  END IF;
  IF 'e' = ANY(kinds) OR 'r' = ANY(kinds) THEN
    WITH done AS (
      UPDATE ${schema}.message m SET held = (o.kind = 'e'), visible_at = at + o.ms * interval '1 millisecond'
      FROM unnest(ids, counts, kinds, ms) WITH ORDINALITY AS o(id, count, kind, ms, place)
      WHERE o.kind <> 'a' AND m.id = o.id AND m.deliveries = o.count AND m.held
      RETURNING o.place
    )
    SELECT coalesce(array_agg(done.place), '{}') INTO changed FROM done;
  END IF;
  IF 'a' = ANY(kinds) THEN
    WITH done AS (
      DELETE FROM ${schema}.message m
      USING unnest(ids, counts, kinds) WITH ORDINALITY AS o(id, count, kind, place)
      WHERE o.kind = 'a' AND m.id = o.id AND m.deliveries = o.count AND m.held
      RETURNING o.place
    )
    SELECT coalesce(array_agg(done.place), '{}') INTO acked FROM done;
  END IF;
  IF cardinality(changed) + cardinality(acked) = cardinality(ids) THEN
    RETURN '';
  END IF;
  RETURN (
    SELECT string_agg(CASE WHEN done.place IS NOT NULL THEN 'd' WHEN m.id IS NULL THEN 'g' ELSE 'l' END, '' ORDER BY o.place)
    FROM unnest(ids) WITH ORDINALITY AS o(id, place)
    LEFT JOIN unnest(changed || acked) AS done(place) ON done.place = o.place
    LEFT JOIN ${schema}.message m ON m.id = o.id
  );
END $$;

-- due_ms is the time until a message can be delivered that these settlements have made the first of its key.
CREATE FUNCTION ${schema}.settle_keys(
  p_ids text, p_key_queues text, p_epochs text, p_kinds text, p_ms text, p_is_async boolean, p_waits boolean,
  OUT outcome text, OUT due_ms float8
) LANGUAGE plpgsql ${PLANNER} SET lock_timeout = '250ms' AS $$
DECLARE
  ids bigint[] := p_ids::bigint[];
  key_queues bigint[] := p_key_queues::bigint[];
  epochs int[] := p_epochs::int[];
  kinds "char"[] := p_kinds::"char"[];
  ms float8[] := p_ms::float8[];
  at timestamptz;
  locked bigint[];
  locked_epochs int[];
  done bigint[] := '{}';
  changed bigint[];
BEGIN
  IF p_is_async THEN
    PERFORM set_config('synchronous_commit', 'off', true);
  END IF;
  -- In the order of their ids, so that two settlements never wait for each other.
  IF p_waits THEN
    SELECT coalesce(array_agg(k.id), '{}'), coalesce(array_agg(k.epoch), '{}') INTO locked, locked_epochs
    FROM (SELECT id, epoch FROM ${schema}.key_queue WHERE id = ANY(key_queues) ORDER BY id FOR UPDATE) k;
  ELSE
    SELECT coalesce(array_agg(k.id), '{}'), coalesce(array_agg(k.epoch), '{}') INTO locked, locked_epochs
    FROM (SELECT id, epoch FROM ${schema}.key_queue WHERE id = ANY(key_queues) ORDER BY id FOR UPDATE SKIP LOCKED) k;
  END IF;
  at := clock_timestamp();
  WITH own AS (
    SELECT o.* FROM unnest(ids, key_queues, epochs, kinds, ms) WITH ORDINALITY AS o(id, key_queue, epoch, kind, ms, place)
    JOIN unnest(locked, locked_epochs) AS k(id, epoch) ON k.id = o.key_queue AND k.epoch = o.epoch
    JOIN ${schema}.message m ON m.id = o.id AND m.epoch = o.epoch
    WHERE o.kind = 'e'
  ), extended AS (
    UPDATE ${schema}.key_queue k SET ready_at = at + longest.ms * interval '1 millisecond'
    FROM (SELECT key_queue, max(own.ms) AS ms FROM own GROUP BY key_queue) longest WHERE k.id = longest.key_queue
  )
  SELECT done || coalesce(array_agg(own.place), '{}') INTO done FROM own;
  WITH acked AS (
    DELETE FROM ${schema}.message m
    USING unnest(ids, key_queues, epochs, kinds) WITH ORDINALITY AS o(id, key_queue, epoch, kind, place)
    JOIN unnest(locked, locked_epochs) AS k(id, epoch) ON k.id = o.key_queue AND k.epoch = o.epoch
    WHERE o.kind = 'a' AND m.id = o.id AND m.epoch = o.epoch
    RETURNING o.place, m.key_queue
  ), released AS (
    UPDATE ${schema}.message m SET held = false, epoch = NULL, visible_at = at + o.ms * interval '1 millisecond'
    FROM unnest(ids, key_queues, epochs, kinds, ms) WITH ORDINALITY AS o(id, key_queue, epoch, kind, ms, place)
    JOIN unnest(locked, locked_epochs) AS k(id, epoch) ON k.id = o.key_queue AND k.epoch = o.epoch
    WHERE o.kind = 'r' AND m.id = o.id AND m.epoch = o.epoch
    RETURNING o.place, m.key_queue
  ), both_kinds AS (SELECT * FROM acked UNION ALL SELECT * FROM released)
  SELECT done || coalesce(array_agg(b.place), '{}'), coalesce(array_agg(b.key_queue), '{}') INTO done, changed FROM both_kinds b;
  -- A key queue of which nothing is leased any more is gone, or ready at the moment of its head.
  DELETE FROM ${schema}.key_queue k USING (SELECT key_queue, count(*)::int AS n FROM unnest(changed) AS c(key_queue) GROUP BY key_queue) c
  WHERE k.id = c.key_queue AND k.leased = c.n AND NOT EXISTS (SELECT 1 FROM ${schema}.message m WHERE m.key_queue = k.id);
  WITH freed AS (
    UPDATE ${schema}.key_queue k SET leased = k.leased - c.n, ready_at = CASE WHEN k.leased > c.n THEN k.ready_at ELSE coalesce(
      (SELECT m.visible_at FROM ${schema}.message m WHERE m.key_queue = k.id ORDER BY m.id LIMIT 1), at) END
    FROM (SELECT key_queue, count(*)::int AS n FROM unnest(changed) AS c(key_queue) GROUP BY key_queue) c
    WHERE k.id = c.key_queue
    RETURNING k.leased, k.ready_at
  )
  SELECT (extract(epoch FROM min(ready_at) - at) * 1000)::float8 INTO due_ms FROM freed WHERE leased = 0;
  IF cardinality(done) = cardinality(ids) THEN
    outcome := '';
    RETURN;
  END IF;
  SELECT string_agg(CASE
    WHEN d.place IS NOT NULL THEN 'd'
    WHEN m.id IS NULL THEN 'g'
    WHEN o.key_queue = ANY(locked) OR k.id IS NULL OR k.epoch <> o.epoch THEN 'l'
    ELSE 'b' END, '' ORDER BY o.place) INTO outcome
  FROM unnest(ids, key_queues, epochs) WITH ORDINALITY AS o(id, key_queue, epoch, place)
  LEFT JOIN unnest(done) AS d(place) ON d.place = o.place
  LEFT JOIN ${schema}.message m ON m.id = o.id
  LEFT JOIN ${schema}.key_queue k ON k.id = o.key_queue;
END $$;
`;
