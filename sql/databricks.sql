-- Functions that Databricks has and DuckDB has not, or has with another meaning, in DuckDB's words. `translate` puts a
-- body where the call stands. A function that is given as a lambda, `f` here, is written out with the values it is called
-- for. A name may stand twice, with other numbers of arguments.

-- name: substring_index
CREATE MACRO substring_index(string, mark, number) AS CASE
    WHEN number > 0 THEN array_to_string(string_split(string, mark)[1:number], mark)
    WHEN number < 0 THEN array_to_string(list_slice(string_split(string, mark), number, -1), mark)
    WHEN number = 0 THEN ''
END;

-- name: btrim
CREATE MACRO btrim(string) AS trim(string, ' ');

-- name: btrim_letters
CREATE MACRO btrim(string, letters) AS trim(string, letters);

-- name: replace
CREATE MACRO replace(string, search) AS replace(string, search, '');

-- name: octet_length
CREATE MACRO octet_length(string) AS strlen(string);

-- name: find_in_set
CREATE MACRO find_in_set(string, listed) AS CASE
    WHEN string IS NOT NULL AND listed IS NOT NULL THEN coalesce(list_position(string_split(listed, ','), string), 0)
END;

-- name: regexp_substr
CREATE MACRO regexp_substr(string, pattern) AS CASE
    WHEN regexp_matches(string, pattern) THEN regexp_extract(string, pattern)
END;

-- name: format_number
CREATE MACRO format_number(number, places) AS (format('{:,.' || places || 'f}', CAST(number AS DOUBLE)));

-- name: mask
CREATE MACRO mask(string) AS regexp_replace(
    regexp_replace(regexp_replace(string, '\p{Lu}', 'X', 'g'), '\p{Ll}', 'x', 'g'), '\p{Nd}', 'n', 'g'
);

-- name: url_encode
CREATE MACRO url_encode(string) AS replace(url_encode(string), '%20', '+');

-- name: url_decode
CREATE MACRO url_decode(string) AS url_decode(replace(string, '+', ' '));

-- name: str_to_map
CREATE MACRO str_to_map(string, pair_mark, value_mark) AS map_from_entries(
    list_transform(
        string_split(string, pair_mark),
        lambda __pair: struct_pack(
            k := string_split(__pair, value_mark)[1],
            v := CASE
                WHEN contains(__pair, value_mark) THEN substr(__pair, strpos(__pair, value_mark) + length(value_mark))
            END
        )
    )
);

-- name: str_to_map_pairs
CREATE MACRO str_to_map(string, pair_mark) AS map_from_entries(
    list_transform(
        string_split(string, pair_mark),
        lambda __pair: struct_pack(
            k := string_split(__pair, ':')[1],
            v := CASE WHEN contains(__pair, ':') THEN substr(__pair, strpos(__pair, ':') + 1) END
        )
    )
);

-- name: str_to_map_text
CREATE MACRO str_to_map(string) AS map_from_entries(
    list_transform(
        string_split(string, ','),
        lambda __pair: struct_pack(
            k := string_split(__pair, ':')[1],
            v := CASE WHEN contains(__pair, ':') THEN substr(__pair, strpos(__pair, ':') + 1) END
        )
    )
);

-- name: array_distinct
-- The first of equal elements stays, at its place.
CREATE MACRO array_distinct(items) AS list_filter(
    items, lambda __item, __place: list_position(items, __item) = __place
);

-- name: array_union
CREATE MACRO array_union(items, others) AS list_filter(
    list_concat(items, others), lambda __item, __place: list_position(list_concat(items, others), __item) = __place
);

-- name: arrays_overlap
CREATE MACRO arrays_overlap(items, others) AS list_has_any(items, others);

-- name: array_repeat
CREATE MACRO array_repeat(item, number) AS list_transform(range(number), lambda __place: item);

-- name: forall
CREATE MACRO forall(items, f) AS CASE
    WHEN items IS NOT NULL THEN coalesce(list_bool_and(list_transform(items, lambda __item: f(__item))), true)
END;

-- name: transform
CREATE MACRO transform(items, f) AS list_transform(items, lambda __item, __place: f(__item, __place - 1));

-- name: filter
CREATE MACRO filter(items, f) AS list_filter(items, lambda __item, __place: f(__item, __place - 1));

-- name: zip_with
CREATE MACRO zip_with(items, others, f) AS list_transform(
    list_zip(items, others), lambda __pair: f(__pair[1], __pair[2])
);

-- name: reduce
CREATE MACRO reduce(items, start, f, finish) AS finish(
    list_reduce(items, lambda __so_far, __item: f(__so_far, __item), start)
);

-- name: map_contains_key
CREATE MACRO map_contains_key(entries, key) AS list_contains(map_keys(entries), key);

-- name: map_filter
CREATE MACRO map_filter(entries, f) AS map_from_entries(
    list_filter(map_entries(entries), lambda __entry: f(__entry.key, __entry.value))
);

-- name: transform_keys
CREATE MACRO transform_keys(entries, f) AS map_from_entries(
    list_transform(
        map_entries(entries), lambda __entry: struct_pack(k := f(__entry.key, __entry.value), v := __entry.value)
    )
);

-- name: transform_values
CREATE MACRO transform_values(entries, f) AS map_from_entries(
    list_transform(map_entries(entries), lambda __entry: struct_pack(k := __entry.key, v := f(__entry.key, __entry.value)))
);

-- name: isnull
CREATE MACRO isnull(item) AS item IS NULL;

-- name: isnotnull
CREATE MACRO isnotnull(item) AS item IS NOT NULL;

-- name: nanvl
CREATE MACRO nanvl(number, otherwise) AS CASE WHEN isnan(number) THEN otherwise ELSE number END;

-- name: zeroifnull
CREATE MACRO zeroifnull(number) AS coalesce(number, 0);

-- name: nullifzero
CREATE MACRO nullifzero(number) AS nullif(number, 0);

-- name: bround
CREATE MACRO bround(number, places) AS round_even(number, places);

-- name: bround_whole
CREATE MACRO bround(number) AS round_even(number, 0);

-- name: pmod
CREATE MACRO pmod(number, divisor) AS ((number % divisor) + divisor) % divisor;

-- name: hypot
CREATE MACRO hypot(a, b) AS sqrt(a * a + b * b);

-- name: e
CREATE MACRO e() AS exp(1);

-- name: positive
CREATE MACRO positive(number) AS number;

-- name: negative
CREATE MACRO negative(number) AS -number;

-- name: try_add
CREATE MACRO try_add(a, b) AS TRY(a + b);

-- name: try_subtract
CREATE MACRO try_subtract(a, b) AS TRY(a - b);

-- name: try_multiply
CREATE MACRO try_multiply(a, b) AS TRY(a * b);

-- name: dayofweek
CREATE MACRO dayofweek(day) AS isodow(day) % 7 + 1;

-- name: weekday
CREATE MACRO weekday(day) AS isodow(CAST(day AS DATE)) - 1;

-- name: timestamp_seconds
CREATE MACRO timestamp_seconds(number) AS make_timestamp(CAST(number * 1000000 AS BIGINT));

-- name: timestamp_millis
CREATE MACRO timestamp_millis(number) AS make_timestamp(number * 1000);

-- name: timestamp_micros
CREATE MACRO timestamp_micros(number) AS make_timestamp(number);

-- name: every
CREATE MACRO every(condition) AS bool_and(condition);

-- name: some
CREATE MACRO some(condition) AS bool_or(condition);

-- name: try_sum
CREATE MACRO try_sum(number) AS sum(number);

-- name: try_avg
CREATE MACRO try_avg(number) AS avg(number);
