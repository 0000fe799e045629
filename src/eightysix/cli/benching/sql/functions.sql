-- The two transactions of the scripts, each as one PL/pgSQL function: one round trip, one commit.
CREATE FUNCTION bench_lock(shard smallint, brand text, poi text, ordered text, sku_a bigint, line_a smallint, sku_b bigint, line_b smallint)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    sku bigint := sku_a;
    last_seq bigint;
    now_ms bigint;
    real_after numeric;
    locked_after numeric;
BEGIN
    UPDATE poi_stock_head SET seq = seq + 2, outbox_seq = seq + 2,
        last_at = greatest(last_at, (extract(epoch FROM clock_timestamp()) * 1000)::bigint)
    WHERE product_shard_id = shard AND brand_id = brand AND poi_id = poi
    RETURNING seq, last_at INTO STRICT last_seq, now_ms;
    INSERT INTO poi_stock_reservation (product_shard_id, brand_id, poi_id, order_id, sku_id, line_no, channel_code, state, requested_quantity, quantity, returned_quantity, restocked_quantity, locked_at, expires_at, counted, takes, revision)
    VALUES (shard, brand, poi, ordered, sku_a, line_a, 'ONLINE_ORDER', 1, 1, 1, 0, 0, now_ms, now_ms + 86400000, true, NULL, 1),
        (shard, brand, poi, ordered, sku_b, line_b, 'ONLINE_ORDER', 1, 1, 1, 0, 0, now_ms, now_ms + 86400000, true, NULL, 1);
    FOR line IN 0..1 LOOP
        UPDATE poi_item_stock SET locked_quantity = locked_quantity + 1, version = last_seq - 1 + line
        WHERE product_shard_id = shard AND brand_id = brand AND poi_id = poi AND object_type = 2
            AND object_id = sku
            AND stock_status = 1 AND version < last_seq - 1 + line AND real_quantity - locked_quantity - grant_quantity >= 1
        RETURNING real_quantity, locked_quantity INTO STRICT real_after, locked_after;
        INSERT INTO poi_item_stock_log (product_shard_id, brand_id, poi_id, seq, object_type, object_id, kind, quantity, real_after, locked_after, order_id, channel_code, actor, source, recorded_at, content)
        VALUES (shard, brand, poi, last_seq - 1 + line, 2, sku, 1, -1, real_after, locked_after, ordered, 'ONLINE_ORDER', 'bench', 'api', now_ms, NULL);
        INSERT INTO poi_stock_outbox (product_shard_id, brand_id, poi_id, seq, prev_seq, object_type, object_id, committed_at)
        VALUES (shard, brand, poi, last_seq - 1 + line, last_seq - 2 + line, 2, sku, now_ms);
        sku := sku_b;
    END LOOP;
END $$;

CREATE FUNCTION bench_deduct(shard smallint, brand text, poi text, ordered text, sku_a bigint, line_a smallint, sku_b bigint, line_b smallint)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    sku bigint := sku_a;
    last_seq bigint;
    now_ms bigint;
    line_no_of smallint := line_a;
    held numeric;
    real_after numeric;
    locked_after numeric;
BEGIN
    UPDATE poi_stock_head SET seq = seq + 2, outbox_seq = seq + 2,
        last_at = greatest(last_at, (extract(epoch FROM clock_timestamp()) * 1000)::bigint)
    WHERE product_shard_id = shard AND brand_id = brand AND poi_id = poi
    RETURNING seq, last_at INTO STRICT last_seq, now_ms;
    FOR line IN 0..1 LOOP
        UPDATE poi_stock_reservation SET state = 2, revision = revision + 1
        WHERE product_shard_id = shard AND brand_id = brand AND poi_id = poi AND order_id = ordered
            AND sku_id = sku AND line_no = line_no_of
            AND state = 1 AND expires_at > now_ms
        RETURNING quantity INTO STRICT held;
        UPDATE poi_item_stock SET real_quantity = real_quantity - held, locked_quantity = locked_quantity - held, version = last_seq - 1 + line
        WHERE product_shard_id = shard AND brand_id = brand AND poi_id = poi AND object_type = 2
            AND object_id = sku
            AND version < last_seq - 1 + line AND locked_quantity >= held
        RETURNING real_quantity, locked_quantity INTO STRICT real_after, locked_after;
        INSERT INTO poi_item_stock_log (product_shard_id, brand_id, poi_id, seq, object_type, object_id, kind, quantity, real_after, locked_after, order_id, channel_code, actor, source, recorded_at, content)
        VALUES (shard, brand, poi, last_seq - 1 + line, 2, sku, 2, 0, real_after, locked_after, ordered, 'ONLINE_ORDER', 'bench', 'api', now_ms, NULL);
        INSERT INTO poi_stock_outbox (product_shard_id, brand_id, poi_id, seq, prev_seq, object_type, object_id, committed_at)
        VALUES (shard, brand, poi, last_seq - 1 + line, last_seq - 2 + line, 2, sku, now_ms);
        sku := sku_b;
        line_no_of := line_b;
    END LOOP;
END $$;
