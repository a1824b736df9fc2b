import { PLANNER } from "./planner.ts";

/**
 * The functions that send. `send_batch` takes a JSON array of messages, with one letter for each field:
 * body, bytes as base64 (x), attributes as the text of an object, delay in milliseconds, key, and id for deduplication (u).
 * It returns the ids, with commas between them; an absorbed message has the id of the first one.
 */
export const sendFunctions = (schema: string, channel: string): string => `
CREATE FUNCTION ${schema}.use_queue(p_queue text, p_dedup_ms bigint) RETURNS ${schema}.queue LANGUAGE plpgsql AS $$
DECLARE
  q ${schema}.queue;
BEGIN
  SELECT * INTO q FROM ${schema}.queue WHERE name = p_queue;
  IF NOT FOUND THEN
    INSERT INTO ${schema}.queue (name, dedup_ms) VALUES (p_queue, p_dedup_ms) ON CONFLICT (name) DO NOTHING;
    SELECT * INTO q FROM ${schema}.queue WHERE name = p_queue;
  END IF;
  RETURN q;
END $$;

CREATE FUNCTION ${schema}.send_batch(p_queue text, p_messages text, p_dedup_ms bigint) RETURNS text
LANGUAGE plpgsql ${PLANNER} AS $$
DECLARE
  q ${schema}.queue := ${schema}.use_queue(p_queue, p_dedup_ms);
  given json := p_messages::json;
  at timestamptz;
  result text;
BEGIN
  IF q.ordered THEN
    -- Locks the key queues in the order of their keys, so that two senders never wait for each other. Ids are drawn afterwards.
    INSERT INTO ${schema}.key_queue AS k (queue, key, ready_at)
    SELECT q.id, t.k, clock_timestamp()
    FROM (SELECT DISTINCT r.k FROM json_to_recordset(given) AS r(k text) WHERE r.k IS NOT NULL ORDER BY r.k) t
    ON CONFLICT (queue, key) DO UPDATE SET queue = excluded.queue;
  END IF;
  at := clock_timestamp();
  IF q.dedup_ms = 0 THEN
    WITH sent AS (
      INSERT INTO ${schema}.message (queue, key_queue, visible_at, enqueued_at, key, body, bytes, attributes)
      SELECT q.id, k.id, at + t.d * interval '1 millisecond', at, t.k, t.b, decode(t.x, 'base64'), t.a::json
      FROM ROWS FROM (json_to_recordset(given) AS (b text, x text, a text, d float8, k text)) WITH ORDINALITY AS t(b, x, a, d, k, place)
      LEFT JOIN ${schema}.key_queue k ON q.ordered AND k.queue = q.id AND k.key = t.k
      ORDER BY t.place
      RETURNING id
    )
    SELECT string_agg(id::text, ',' ORDER BY id) INTO result FROM sent;
    RETURN result;
  END IF;

  -- Forgets as many ids as are added, and more, so that the table stays as large as the window.
  DELETE FROM ${schema}.seen WHERE (queue, key) IN (
    SELECT s.queue, s.key FROM ${schema}.seen s WHERE s.until <= at ORDER BY s.until
    LIMIT 2 * json_array_length(given) FOR UPDATE SKIP LOCKED
  );
  WITH numbered AS MATERIALIZED (
    SELECT t.*, nextval(pg_get_serial_sequence('${schema}.message', 'id')) AS id,
      row_number() OVER (PARTITION BY t.u ORDER BY t.place) AS nth
    FROM ROWS FROM (json_to_recordset(given) AS (b text, x text, a text, d float8, k text, u text)) WITH ORDINALITY AS t(b, x, a, d, k, u, place)
    ORDER BY t.place
  ), fresh AS (
    INSERT INTO ${schema}.seen AS s (queue, key, until, message)
    SELECT q.id, n.u, at + q.dedup_ms * interval '1 millisecond', n.id
    FROM numbered n WHERE n.u IS NOT NULL AND n.nth = 1 ORDER BY n.u
    ON CONFLICT (queue, key) DO UPDATE SET until = excluded.until, message = excluded.message WHERE s.until <= at
    RETURNING message
  ), sent AS (
    INSERT INTO ${schema}.message (id, queue, key_queue, visible_at, enqueued_at, key, body, bytes, attributes)
    SELECT n.id, q.id, k.id, at + n.d * interval '1 millisecond', at, n.k, n.b, decode(n.x, 'base64'), n.a::json
    FROM numbered n
    LEFT JOIN ${schema}.key_queue k ON q.ordered AND k.queue = q.id AND k.key = n.k
    WHERE n.u IS NULL OR n.id IN (SELECT message FROM fresh)
    ORDER BY n.place
  )
  SELECT string_agg(CASE WHEN n.u IS NULL THEN n.id::text ELSE '0' END, ',' ORDER BY n.place) INTO result FROM numbered n;
  -- The id of the first one for 0. A statement of its own, since an id may have been sent by another transaction during the one before.
  SELECT string_agg(coalesce(nullif(part.id, '0'), s.message::text, '0'), ',' ORDER BY t.place) INTO result
  FROM ROWS FROM (json_to_recordset(given) AS (u text)) WITH ORDINALITY AS t(u, place)
  JOIN unnest(string_to_array(result, ',')) WITH ORDINALITY AS part(id, place) USING (place)
  LEFT JOIN ${schema}.seen s ON s.queue = q.id AND s.key = t.u;
  IF q.ordered THEN
    -- The key queue of an absorbed message may have been made for it.
    DELETE FROM ${schema}.key_queue k USING (SELECT DISTINCT r.k FROM json_to_recordset(given) AS r(k text)) t
    WHERE k.queue = q.id AND k.key = t.k AND NOT EXISTS (SELECT 1 FROM ${schema}.message m WHERE m.key_queue = k.id);
  END IF;
  RETURN result;
END $$;

CREATE FUNCTION ${schema}.send(
  queue text, body text, attributes json DEFAULT '{}', delay interval DEFAULT NULL, key text DEFAULT NULL, dedup text DEFAULT NULL
) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  q ${schema}.queue := ${schema}.use_queue($1, 0);
  ms float8 := ceil(greatest(extract(epoch FROM coalesce($4, interval '0')), 0) * 1000);
BEGIN
  IF $5 IS NOT NULL AND NOT q.ordered THEN
    RAISE EXCEPTION 'queue "%" keeps no order, so a message with a key is refused', $1
      USING ERRCODE = 'feature_not_supported', HINT = 'queueport provision with --ordered makes it keep order';
  END IF;
  IF $5 IS NOT NULL AND ms > 0 THEN
    RAISE EXCEPTION 'a message with a key cannot be delayed: it would block the later ones of its key'
      USING ERRCODE = 'feature_not_supported';
  END IF;
  IF $6 IS NOT NULL AND q.dedup_ms = 0 THEN
    RAISE EXCEPTION 'queue "%" does not deduplicate, so a message with an id for it is refused', $1
      USING ERRCODE = 'feature_not_supported', HINT = 'queueport provision with the option dedupWindowMs makes it deduplicate';
  END IF;
  RETURN ${schema}.send_batch($1, json_build_array(
    json_build_object('b', $2, 'a', $3::text, 'd', ms, 'k', $5, 'u', $6)
  )::text, 0)::bigint;
END $$;

CREATE FUNCTION ${schema}.wake(queue text) RETURNS void LANGUAGE sql AS $$
  SELECT pg_notify('${channel}', json_build_array('', json_build_array($1, 0))::text)
$$;
`;
