/** The most messages of one state that are counted, so that a count neither takes long nor holds back the vacuum. */
export const COUNT_LIMIT = 100_001;

/** The function that counts. A count of {@link COUNT_LIMIT} means "at least". */
export const statsFunction = (schema: string): string => `
CREATE FUNCTION ${schema}.stats(p_queue text, OUT ready bigint, OUT in_flight bigint, OUT delayed bigint)
LANGUAGE plpgsql SET jit = off AS $$
DECLARE
  q ${schema}.queue;
  at timestamptz := clock_timestamp();
  most constant int := ${COUNT_LIMIT};
  keyed_messages bigint;
  keyed_held bigint;
  keyed_delayed bigint;
BEGIN
  SELECT * INTO q FROM ${schema}.queue WHERE name = p_queue;
  SELECT count(*) INTO ready FROM (
    SELECT 1 FROM generate_series(0, 3) AS level(priority) CROSS JOIN LATERAL (
      SELECT 1 FROM ${schema}.message m
      WHERE m.queue = q.id AND m.priority = level.priority AND m.key_queue IS NULL AND m.visible_at <= at LIMIT most
    ) found LIMIT most
  ) counted;
  SELECT count(*) FILTER (WHERE counted.held), count(*) FILTER (WHERE NOT counted.held) INTO in_flight, delayed FROM (
    SELECT found.held FROM generate_series(0, 3) AS level(priority) CROSS JOIN LATERAL (
      SELECT m.held FROM ${schema}.message m
      WHERE m.queue = q.id AND m.priority = level.priority AND m.key_queue IS NULL AND m.visible_at > at
      ORDER BY m.visible_at, m.id LIMIT most
    ) found LIMIT most
  ) counted;
  IF q.ordered THEN
    SELECT count(*), count(*) FILTER (WHERE counted.is_held), count(*) FILTER (WHERE counted.is_delayed)
    INTO keyed_messages, keyed_held, keyed_delayed FROM (
      SELECT k.ready_at > at AND m.epoch = k.epoch AS is_held, m.visible_at > at AS is_delayed
      FROM ${schema}.key_queue k JOIN ${schema}.message m ON m.key_queue = k.id WHERE k.queue = q.id LIMIT most
    ) counted;
    ready := ready + keyed_messages - keyed_held - keyed_delayed;
    in_flight := in_flight + keyed_held;
    delayed := delayed + keyed_delayed;
  END IF;
END $$;
`;
