-- named_struct as Databricks spells it: a real STRUCT of up to 16 fields, whose names are constant texts.
-- DuckDB has no macro of many arguments, so each number of fields has its own line.

-- name: __ai_struct
CREATE OR REPLACE TEMP MACRO __ai_struct(keys, vals, types) AS cast_to_type(
    vals,
    -- The test for NULL lets DuckDB create the macro while the names are still unknown.
    from_json('null', if(keys[1] IS NULL, '"VARCHAR"', to_json(map(keys, types))))
);

-- name: named_struct
CREATE OR REPLACE TEMP MACRO named_struct
    (k1, v1) AS
        __ai_struct([k1], row(v1), [typeof(v1)]),
    (k1, v1, k2, v2) AS
        __ai_struct([k1, k2], row(v1, v2), [typeof(v1), typeof(v2)]),
    (k1, v1, k2, v2, k3, v3) AS
        __ai_struct([k1, k2, k3], row(v1, v2, v3), [typeof(v1), typeof(v2), typeof(v3)]),
    (k1, v1, k2, v2, k3, v3, k4, v4) AS
        __ai_struct([k1, k2, k3, k4], row(v1, v2, v3, v4), [typeof(v1), typeof(v2), typeof(v3), typeof(v4)]),
    (k1, v1, k2, v2, k3, v3, k4, v4, k5, v5) AS
        __ai_struct([k1, k2, k3, k4, k5], row(v1, v2, v3, v4, v5), [typeof(v1), typeof(v2), typeof(v3), typeof(v4), typeof(v5)]),
    (k1, v1, k2, v2, k3, v3, k4, v4, k5, v5, k6, v6) AS
        __ai_struct([k1, k2, k3, k4, k5, k6], row(v1, v2, v3, v4, v5, v6), [typeof(v1), typeof(v2), typeof(v3), typeof(v4), typeof(v5), typeof(v6)]),
    (k1, v1, k2, v2, k3, v3, k4, v4, k5, v5, k6, v6, k7, v7) AS
        __ai_struct([k1, k2, k3, k4, k5, k6, k7], row(v1, v2, v3, v4, v5, v6, v7), [typeof(v1), typeof(v2), typeof(v3), typeof(v4), typeof(v5), typeof(v6), typeof(v7)]),
    (k1, v1, k2, v2, k3, v3, k4, v4, k5, v5, k6, v6, k7, v7, k8, v8) AS
        __ai_struct([k1, k2, k3, k4, k5, k6, k7, k8], row(v1, v2, v3, v4, v5, v6, v7, v8), [typeof(v1), typeof(v2), typeof(v3), typeof(v4), typeof(v5), typeof(v6), typeof(v7), typeof(v8)]),
    (k1, v1, k2, v2, k3, v3, k4, v4, k5, v5, k6, v6, k7, v7, k8, v8, k9, v9) AS
        __ai_struct([k1, k2, k3, k4, k5, k6, k7, k8, k9], row(v1, v2, v3, v4, v5, v6, v7, v8, v9), [typeof(v1), typeof(v2), typeof(v3), typeof(v4), typeof(v5), typeof(v6), typeof(v7), typeof(v8), typeof(v9)]),
    (k1, v1, k2, v2, k3, v3, k4, v4, k5, v5, k6, v6, k7, v7, k8, v8, k9, v9, k10, v10) AS
        __ai_struct([k1, k2, k3, k4, k5, k6, k7, k8, k9, k10], row(v1, v2, v3, v4, v5, v6, v7, v8, v9, v10), [typeof(v1), typeof(v2), typeof(v3), typeof(v4), typeof(v5), typeof(v6), typeof(v7), typeof(v8), typeof(v9), typeof(v10)]),
    (k1, v1, k2, v2, k3, v3, k4, v4, k5, v5, k6, v6, k7, v7, k8, v8, k9, v9, k10, v10, k11, v11) AS
        __ai_struct([k1, k2, k3, k4, k5, k6, k7, k8, k9, k10, k11], row(v1, v2, v3, v4, v5, v6, v7, v8, v9, v10, v11), [typeof(v1), typeof(v2), typeof(v3), typeof(v4), typeof(v5), typeof(v6), typeof(v7), typeof(v8), typeof(v9), typeof(v10), typeof(v11)]),
    (k1, v1, k2, v2, k3, v3, k4, v4, k5, v5, k6, v6, k7, v7, k8, v8, k9, v9, k10, v10, k11, v11, k12, v12) AS
        __ai_struct([k1, k2, k3, k4, k5, k6, k7, k8, k9, k10, k11, k12], row(v1, v2, v3, v4, v5, v6, v7, v8, v9, v10, v11, v12), [typeof(v1), typeof(v2), typeof(v3), typeof(v4), typeof(v5), typeof(v6), typeof(v7), typeof(v8), typeof(v9), typeof(v10), typeof(v11), typeof(v12)]),
    (k1, v1, k2, v2, k3, v3, k4, v4, k5, v5, k6, v6, k7, v7, k8, v8, k9, v9, k10, v10, k11, v11, k12, v12, k13, v13) AS
        __ai_struct([k1, k2, k3, k4, k5, k6, k7, k8, k9, k10, k11, k12, k13], row(v1, v2, v3, v4, v5, v6, v7, v8, v9, v10, v11, v12, v13), [typeof(v1), typeof(v2), typeof(v3), typeof(v4), typeof(v5), typeof(v6), typeof(v7), typeof(v8), typeof(v9), typeof(v10), typeof(v11), typeof(v12), typeof(v13)]),
    (k1, v1, k2, v2, k3, v3, k4, v4, k5, v5, k6, v6, k7, v7, k8, v8, k9, v9, k10, v10, k11, v11, k12, v12, k13, v13, k14, v14) AS
        __ai_struct([k1, k2, k3, k4, k5, k6, k7, k8, k9, k10, k11, k12, k13, k14], row(v1, v2, v3, v4, v5, v6, v7, v8, v9, v10, v11, v12, v13, v14), [typeof(v1), typeof(v2), typeof(v3), typeof(v4), typeof(v5), typeof(v6), typeof(v7), typeof(v8), typeof(v9), typeof(v10), typeof(v11), typeof(v12), typeof(v13), typeof(v14)]),
    (k1, v1, k2, v2, k3, v3, k4, v4, k5, v5, k6, v6, k7, v7, k8, v8, k9, v9, k10, v10, k11, v11, k12, v12, k13, v13, k14, v14, k15, v15) AS
        __ai_struct([k1, k2, k3, k4, k5, k6, k7, k8, k9, k10, k11, k12, k13, k14, k15], row(v1, v2, v3, v4, v5, v6, v7, v8, v9, v10, v11, v12, v13, v14, v15), [typeof(v1), typeof(v2), typeof(v3), typeof(v4), typeof(v5), typeof(v6), typeof(v7), typeof(v8), typeof(v9), typeof(v10), typeof(v11), typeof(v12), typeof(v13), typeof(v14), typeof(v15)]),
    (k1, v1, k2, v2, k3, v3, k4, v4, k5, v5, k6, v6, k7, v7, k8, v8, k9, v9, k10, v10, k11, v11, k12, v12, k13, v13, k14, v14, k15, v15, k16, v16) AS
        __ai_struct([k1, k2, k3, k4, k5, k6, k7, k8, k9, k10, k11, k12, k13, k14, k15, k16], row(v1, v2, v3, v4, v5, v6, v7, v8, v9, v10, v11, v12, v13, v14, v15, v16), [typeof(v1), typeof(v2), typeof(v3), typeof(v4), typeof(v5), typeof(v6), typeof(v7), typeof(v8), typeof(v9), typeof(v10), typeof(v11), typeof(v12), typeof(v13), typeof(v14), typeof(v15), typeof(v16)]);
