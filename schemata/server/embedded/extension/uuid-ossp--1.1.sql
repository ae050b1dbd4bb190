/* The functions of contrib/uuid-ossp in SQL: the same names, arguments and volatility. */

-- complain if script is sourced in psql, rather than via CREATE EXTENSION
\echo Use '''CREATE EXTENSION "uuid-ossp"''' to load this file. \quit

CREATE FUNCTION uuid_nil() RETURNS uuid IMMUTABLE STRICT LANGUAGE sql PARALLEL SAFE
AS $$ SELECT '00000000-0000-0000-0000-000000000000'::pg_catalog.uuid $$;

CREATE FUNCTION uuid_ns_dns() RETURNS uuid IMMUTABLE STRICT LANGUAGE sql PARALLEL SAFE
AS $$ SELECT '6ba7b810-9dad-11d1-80b4-00c04fd430c8'::pg_catalog.uuid $$;

CREATE FUNCTION uuid_ns_url() RETURNS uuid IMMUTABLE STRICT LANGUAGE sql PARALLEL SAFE
AS $$ SELECT '6ba7b811-9dad-11d1-80b4-00c04fd430c8'::pg_catalog.uuid $$;

CREATE FUNCTION uuid_ns_oid() RETURNS uuid IMMUTABLE STRICT LANGUAGE sql PARALLEL SAFE
AS $$ SELECT '6ba7b812-9dad-11d1-80b4-00c04fd430c8'::pg_catalog.uuid $$;

CREATE FUNCTION uuid_ns_x500() RETURNS uuid IMMUTABLE STRICT LANGUAGE sql PARALLEL SAFE
AS $$ SELECT '6ba7b814-9dad-11d1-80b4-00c04fd430c8'::pg_catalog.uuid $$;

CREATE FUNCTION uuid_generate_v4() RETURNS uuid VOLATILE STRICT LANGUAGE sql PARALLEL SAFE
AS $$ SELECT pg_catalog.gen_random_uuid() $$;

-- Time in units of 100 ns since 1582-10-15. The node is random with the multicast bit (RFC 4122, 4.5), another in each
-- call, since nothing here could keep one number from being given twice.
CREATE FUNCTION uuid_generate_v1() RETURNS uuid VOLATILE STRICT LANGUAGE sql PARALLEL SAFE
AS $$
    SELECT (lpad(to_hex(t & 4294967295), 8, '0') || lpad(to_hex((t >> 32) & 65535), 4, '0')
            || lpad(to_hex(((t >> 48) & 4095) | 4096), 4, '0')
            || substr(r, 17, 4) -- the variant is set in it
            || substr(r, 1, 1) || to_hex(('x' || substr(r, 2, 1))::bit(4)::int | 1) || substr(r, 3, 10))::uuid
    FROM (SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint * 10 + floor(random() * 10)::bigint
                 + 122192928000000000 AS t,
                 replace(gen_random_uuid()::text, '-', '') AS r) AS made
$$;

CREATE FUNCTION uuid_generate_v1mc() RETURNS uuid VOLATILE STRICT LANGUAGE sql PARALLEL SAFE
AS $$
    SELECT (lpad(to_hex(t & 4294967295), 8, '0') || lpad(to_hex((t >> 32) & 65535), 4, '0')
            || lpad(to_hex(((t >> 48) & 4095) | 4096), 4, '0')
            || substr(r, 17, 4) -- the variant is set in it
            || substr(r, 1, 1) || to_hex(('x' || substr(r, 2, 1))::bit(4)::int | 1) || substr(r, 3, 10))::uuid
    FROM (SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint * 10 + floor(random() * 10)::bigint
                 + 122192928000000000 AS t,
                 replace(gen_random_uuid()::text, '-', '') AS r) AS made
$$;

CREATE FUNCTION uuid_generate_v3(namespace uuid, name text) RETURNS uuid IMMUTABLE STRICT LANGUAGE sql PARALLEL SAFE
AS $$
    SELECT (substr(h, 1, 12) || '3' || substr(h, 14, 3)
            || to_hex(('x' || substr(h, 17, 1))::bit(4)::int & 3 | 8) || substr(h, 18))::uuid
    FROM (SELECT md5(uuid_send($1) || convert_to($2, getdatabaseencoding())) AS h) AS hashed
$$;

-- SHA-1 is in no function of the server itself.
CREATE FUNCTION uuid_generate_v5(namespace uuid, name text) RETURNS uuid IMMUTABLE STRICT LANGUAGE plpgsql PARALLEL SAFE
AS $$
DECLARE
    mask constant bigint := 4294967295;
    message bytea := uuid_send(namespace) || convert_to(name, getdatabaseencoding());
    bits bigint := octet_length(message) * 8;
    h0 bigint := 1732584193;
    h1 bigint := 4023233417;
    h2 bigint := 2562383102;
    h3 bigint := 271733878;
    h4 bigint := 3285377520;
    w bigint[] := array_fill(0::bigint, ARRAY[80], ARRAY[0]);
    a bigint;
    b bigint;
    c bigint;
    d bigint;
    e bigint;
    f bigint;
    k bigint;
    t bigint;
    o int;
    h text;
BEGIN
    message := message || '\x80'::bytea
        || decode(repeat('00', (119 - octet_length(message) % 64) % 64), 'hex') || int8send(bits);
    FOR block IN 0 .. octet_length(message) / 64 - 1 LOOP
        FOR i IN 0 .. 15 LOOP
            o := block * 64 + i * 4;
            w[i] := (get_byte(message, o)::bigint << 24) | (get_byte(message, o + 1) << 16)
                | (get_byte(message, o + 2) << 8) | get_byte(message, o + 3);
        END LOOP;
        FOR i IN 16 .. 79 LOOP
            t := w[i - 3] # w[i - 8] # w[i - 14] # w[i - 16];
            w[i] := ((t << 1) | (t >> 31)) & mask;
        END LOOP;
        a := h0;
        b := h1;
        c := h2;
        d := h3;
        e := h4;
        FOR i IN 0 .. 79 LOOP
            IF i < 20 THEN
                f := (b & c) | ((b # mask) & d);
                k := 1518500249;
            ELSIF i < 40 THEN
                f := b # c # d;
                k := 1859775393;
            ELSIF i < 60 THEN
                f := (b & c) | (b & d) | (c & d);
                k := 2400959708;
            ELSE
                f := b # c # d;
                k := 3395469782;
            END IF;
            t := ((((a << 5) | (a >> 27)) & mask) + f + e + k + w[i]) & mask;
            e := d;
            d := c;
            c := ((b << 30) | (b >> 2)) & mask;
            b := a;
            a := t;
        END LOOP;
        h0 := (h0 + a) & mask;
        h1 := (h1 + b) & mask;
        h2 := (h2 + c) & mask;
        h3 := (h3 + d) & mask;
        h4 := (h4 + e) & mask;
    END LOOP;
    h := lpad(to_hex(h0), 8, '0') || lpad(to_hex(h1), 8, '0') || lpad(to_hex(h2), 8, '0') || lpad(to_hex(h3), 8, '0');
    RETURN (substr(h, 1, 12) || '5' || substr(h, 14, 3)
            || to_hex(('x' || substr(h, 17, 1))::bit(4)::int & 3 | 8) || substr(h, 18))::uuid;
END
$$;
