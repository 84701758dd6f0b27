-- The task functions with Databricks' names, arguments and types: plain SQL over ai_query, asking the default endpoint.
-- A NULL text asks nothing and gives NULL. Their prompts are in prompts.sql.

-- name: ai_gen
CREATE OR REPLACE TEMP MACRO ai_gen(prompt) AS ai_query(__ai_default_endpoint(), CAST(prompt AS VARCHAR));

-- name: ai_analyze_sentiment
CREATE OR REPLACE TEMP MACRO ai_analyze_sentiment(content) AS CAST(
    ai_query(
        __ai_default_endpoint(),
        printf(ai_prompt('ai_analyze_sentiment'), CAST(content AS VARCHAR)),
        returnType := 'ENUM(''positive'', ''negative'', ''neutral'', ''mixed'')',
        responseFormat := 'STRUCT<sentiment ENUM(''positive'', ''negative'', ''neutral'', ''mixed'') NOT NULL>'
    ) AS VARCHAR
);

-- name: ai_fix_grammar
CREATE OR REPLACE TEMP MACRO ai_fix_grammar(content) AS ai_query(
    __ai_default_endpoint(), printf(ai_prompt('ai_fix_grammar'), CAST(content AS VARCHAR))
);

-- name: ai_mask
CREATE OR REPLACE TEMP MACRO ai_mask(content, labels) AS ai_query(
    __ai_default_endpoint(),
    printf(
        ai_prompt('ai_mask'),
        if(
            len(CAST(labels AS VARCHAR[])) = 0,
            error('ai_mask has no labels: say what to mask, for example [''person'', ''email'']'),
            array_to_string(CAST(labels AS VARCHAR[]), ', ')
        ),
        CAST(content AS VARCHAR)
    )
);

-- name: ai_summarize
-- max_words is a wish that most models keep; 0 sets no limit.
CREATE OR REPLACE TEMP MACRO ai_summarize(content, max_words := 50) AS ai_query(
    __ai_default_endpoint(),
    printf(
        ai_prompt('ai_summarize'),
        CASE
            WHEN max_words < 0 THEN error('ai_summarize''s max_words is ' || max_words || ': give a number, or 0 for no limit')
            WHEN max_words = 0 THEN ''
            ELSE ' in at most ' || max_words || ' words'
        END,
        CAST(content AS VARCHAR)
    )
);

-- name: ai_translate
CREATE OR REPLACE TEMP MACRO ai_translate(content, to_lang) AS ai_query(
    __ai_default_endpoint(),
    printf(
        ai_prompt('ai_translate'),
        if(to_lang = '', error('ai_translate''s to_lang is empty: give a language or its code'), to_lang),
        CAST(content AS VARCHAR)
    )
);

-- name: ai_filter
CREATE OR REPLACE TEMP MACRO ai_filter(condition, content) AS ai_query(
    __ai_default_endpoint(),
    printf(
        ai_prompt('ai_filter'),
        if(condition = '', error('ai_filter''s condition is empty: say what must hold'), condition),
        CAST(content AS VARCHAR)
    ),
    returnType := 'BOOLEAN',
    responseFormat := 'STRUCT<holds BOOLEAN NOT NULL>'
);

-- name: __ai_cosine
CREATE OR REPLACE TEMP MACRO __ai_cosine(one, other) AS list_cosine_similarity(
    CAST(ai_query(coalesce(__ai_default_endpoint('embedding'), ''), one, 'ARRAY<DOUBLE>') AS DOUBLE[]),
    CAST(ai_query(coalesce(__ai_default_endpoint('embedding'), ''), other, 'ARRAY<DOUBLE>') AS DOUBLE[])
);

-- name: __ai_judged
-- The texts in a fixed order: asked both ways round, it is one question.
CREATE OR REPLACE TEMP MACRO __ai_judged(one, other) AS ai_query(
    __ai_default_endpoint(),
    printf(ai_prompt('ai_similarity'), if(one < other, one, other), if(one < other, other, one)),
    returnType := 'DOUBLE',
    responseFormat := 'STRUCT<similarity DOUBLE NOT NULL>'
);

-- name: __ai_unit
-- least and greatest alone would make a number of NULL.
CREATE OR REPLACE TEMP MACRO __ai_unit(x) AS if(x IS NULL, NULL, least(1, greatest(0, x)));

-- name: ai_similarity
-- By embeddings where [defaults] names an embedding endpoint, else by asking. DuckDB evaluates constants in both
-- branches, so the one not taken gets NULL for a text, which asks nothing.
CREATE OR REPLACE TEMP MACRO ai_similarity(expr1, expr2) AS CAST(
    __ai_unit(
        if(
            __ai_default_endpoint('embedding') IS NULL,
            __ai_judged(
                if(__ai_default_endpoint('embedding') IS NULL, CAST(expr1 AS VARCHAR), NULL), CAST(expr2 AS VARCHAR)
            ),
            __ai_cosine(
                if(__ai_default_endpoint('embedding') IS NULL, NULL, CAST(expr1 AS VARCHAR)),
                if(__ai_default_endpoint('embedding') IS NULL, NULL, CAST(expr2 AS VARCHAR))
            )
        )
    ) AS FLOAT
);

-- ai_classify and ai_extract take labels in two forms: a list, answered as Databricks' first versions did (one label;
-- a STRUCT of texts), or JSON text, answered as the second versions do (STRUCT(response, error_message); a failed row
-- does not end the query). Which one it is shows in the argument's type, so DuckDB knows the result's type too.

-- name: __ai_is_json
-- The list around the argument lets DuckDB create the macros while the type is still unknown.
CREATE OR REPLACE TEMP MACRO __ai_is_json(labels) AS typeof([labels]) IN ('VARCHAR[]', 'JSON[]');

-- name: __ai_json
CREATE OR REPLACE TEMP MACRO __ai_json(labels) AS
    if(__ai_is_json(labels), CAST(labels AS VARCHAR), CAST(to_json(labels) AS VARCHAR));

-- name: __ai_options
-- A MAP or STRUCT of texts; an option that the function does not have is an error, not a wish unheard.
CREATE OR REPLACE TEMP MACRO __ai_options(task, known, options) AS if(
    list_has_all(known, map_keys(CAST(options AS MAP(VARCHAR, VARCHAR)))),
    CAST(options AS MAP(VARCHAR, VARCHAR)),
    error(
        task || ' does not know the options ' || CAST(map_keys(CAST(options AS MAP(VARCHAR, VARCHAR))) AS VARCHAR)
        || ': it has ' || array_to_string(known, ', ')
    )
);

-- name: __ai_document
-- One answer as JSON: the value alone, or (failOnError => false) under `response`, the reason under `error_message`.
CREATE OR REPLACE TEMP MACRO __ai_document(request, type, format, is_json) AS regexp_replace(
    __ai_ask(__ai_default_endpoint(), request, type, NOT is_json, NULL, format, NULL),
    '"errorMessage":(null|"(?:[^"\\]|\\.)*")\}$',
    '"error_message":\1}'
);

-- name: __ai_classify_options
CREATE OR REPLACE TEMP MACRO __ai_classify_options(options) AS
    __ai_options('ai_classify', ['version', 'instructions', 'multilabel'], options);

-- name: ai_classify
-- options, a MAP: instructions, and multilabel ('true': any number of labels) with JSON labels. The type text
-- `JSON LABELS` is read in _results/labels.py, which checks the labels.
CREATE OR REPLACE TEMP MACRO ai_classify(content, labels, options := MAP {}) AS from_json(
    __ai_document(
        printf(
            ai_prompt('ai_classify'),
            if(__ai_classify_options(options)['multilabel'] = 'true', 'any number', 'exactly one'),
            __ai_json(labels),
            coalesce(__ai_classify_options(options)['instructions'], ''),
            CAST(content AS VARCHAR)
        ),
        'JSON LABEL' || if(__ai_is_json(labels), 'S ', ' ')
        || coalesce(__ai_classify_options(options)['multilabel'], 'false') || ' ' || __ai_json(labels),
        'JSON LABELS true ' || __ai_json(labels),
        __ai_is_json(labels)
    ),
    if(__ai_is_json(labels), '{"response": ["VARCHAR"], "error_message": "VARCHAR"}', '"VARCHAR"')
);

-- name: ai_extract
-- labels: a constant list of names, or a constant JSON schema (whole, its properties alone, or a list of names).
CREATE OR REPLACE TEMP MACRO ai_extract(content, labels, options := MAP {}) AS from_json(
    __ai_document(
        printf(
            ai_prompt('ai_extract'),
            __ai_json(labels),
            coalesce(__ai_options('ai_extract', ['version', 'instructions'], options)['instructions'], ''),
            CAST(content AS VARCHAR)
        ),
        'JSON SCHEMA ' || __ai_json(labels),
        'JSON SCHEMA ' || __ai_json(labels),
        __ai_is_json(labels)
    ),
    -- The test for NULL lets DuckDB create the macro while the labels are still unknown.
    if(
        labels IS NULL,
        '"VARCHAR"',
        if(
            __ai_is_json(labels),
            '{"response": ' || __ai_structure('JSON SCHEMA ' || __ai_json(labels), NULL, true)
            || ', "error_message": "VARCHAR"}',
            __ai_structure('JSON SCHEMA ' || __ai_json(labels), NULL, true)
        )
    )
);

-- ai_agg reads a list of any length: what does not fit one request is packed into parts, each part is noted down, and
-- the notes take the place of the texts; twice, if need be. A list that fits is asked about at once.

-- name: __ai_part_size
-- Characters; a part is at most twice as long.
CREATE OR REPLACE TEMP MACRO __ai_part_size() AS 20000;

-- name: __ai_parts
-- The texts in their order, those longer than a part cut, packed into parts.
CREATE OR REPLACE TEMP MACRO __ai_parts(texts) AS (
    WITH entries AS (
        SELECT unnest(all_texts) AS entry, generate_subscripts(all_texts, 1) AS place FROM (SELECT texts AS all_texts) AS given
    ), cuts AS (
        SELECT place, entry, unnest(range(1 + (length(entry) - 1) // __ai_part_size())) AS cut FROM entries
    ), pieces AS (
        SELECT place, cut, substr(entry, cut * __ai_part_size() + 1, __ai_part_size()) AS piece FROM cuts
    ), numbered AS (
        SELECT *, (sum(length(piece)) OVER (ORDER BY place, cut) - length(piece)) // __ai_part_size() AS part FROM pieces
    ), parts AS (
        SELECT part, string_agg(piece, chr(10) ORDER BY place, cut) AS content FROM numbered GROUP BY part
    )
    SELECT list(content ORDER BY part) FROM parts
);

-- name: __ai_noted
-- Notes on each part; a single part is taken as it is, without a question.
CREATE OR REPLACE TEMP MACRO __ai_noted(parts, instruction) AS (
    SELECT list(
        coalesce(
            ai_query(
                __ai_default_endpoint(),
                if(len(all_parts) > 1, printf(ai_prompt('ai_agg_part'), instruction, part), NULL)
            ),
            part
        )
        ORDER BY place
    )
    FROM (
        SELECT all_parts, unnest(all_parts) AS part, generate_subscripts(all_parts, 1) AS place
        FROM (SELECT parts AS all_parts) AS given
    )
);

-- name: ai_agg
-- SELECT team, ai_agg(list(review), 'What do they complain about most?') FROM reviews GROUP BY team
CREATE OR REPLACE TEMP MACRO ai_agg(texts, instruction) AS ai_query(
    __ai_default_endpoint(),
    printf(
        ai_prompt('ai_agg'),
        instruction,
        array_to_string(
            __ai_noted(
                __ai_parts(__ai_noted(__ai_parts(CAST(texts AS VARCHAR[])), instruction)), instruction
            ),
            chr(10)
        )
    )
);
